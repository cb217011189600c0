import fp from 'fastify-plugin';
import { jsonContentType } from '@bkg/sdk';
import { LiveDocument } from './live-document.ts';
import { seesAll, visibleTo } from './visible.ts';

/** `GET /api/openapi.json`: the gateway's own routes, and every capability that there is now and that may be seen. */
export const openApiRoutes = fp(
  async (app) => {
    const document = new LiveDocument(app.catalog);
    app.get('/api/openapi.json', { config: { isQuiet: true, access: 'anyone' } }, async (request, reply) => {
      const { caller, headers } = request;
      const { body, etag } = await (seesAll(caller) ? document.get() : document.part(visibleTo(caller)));
      // To be asked for again each time, and sent only when it is another one.
      void reply.headers({ etag, 'cache-control': 'private, no-cache', vary: 'Authorization, Cookie' });
      if (isKnown(headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.header('content-type', jsonContentType).send(body);
    });
  },
  { name: 'openapi-routes', dependencies: ['mesh-watch', 'authorization'] },
);

function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const given = ifNoneMatch?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? [];
  return given.includes(etag) || given.includes('*');
}
