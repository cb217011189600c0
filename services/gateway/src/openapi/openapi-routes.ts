import fp from 'fastify-plugin';
import { jsonContentType } from '@bkg/sdk';
import { LiveDocument } from './live-document.ts';

/** `GET /api/openapi.json`: the gateway's own routes, and every capability that there is now. */
export const openApiRoutes = fp(
  async (app) => {
    const document = new LiveDocument(app.catalog);
    app.get('/api/openapi.json', { config: { isQuiet: true } }, async (request, reply) => {
      const { body, etag } = await document.get();
      // To be asked for again each time, and sent only when it is another one.
      void reply.headers({ etag, 'cache-control': 'no-cache' });
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.header('content-type', jsonContentType).send(body);
    });
  },
  { name: 'openapi-routes', dependencies: ['mesh-watch'] },
);

function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const given = ifNoneMatch?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? [];
  return given.includes(etag) || given.includes('*');
}
