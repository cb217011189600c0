import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { assertPluginId } from '../plugin-names.ts';
import { assertRead } from '../mesh/readiness.ts';
import { noSuchPlugin } from '../mesh/unanswered.ts';
import { indexPage, pluginPage } from './docs/pages.ts';
import { contentSecurityPolicy } from './docs/style.ts';

/** `GET /api/docs` and `/api/docs/:id`: the document for people, without any script. */
export const docsRoutes = fp(
  async (app) => {
    const { broker, catalog } = app;
    const options = { config: { isQuiet: true } };
    app.get('/api/docs', options, async (request, reply) => {
      const plugins = catalog.ids().flatMap((id) => catalog.get(id) ?? []);
      return sendPage(reply, indexPage(plugins, { origin: originOf(request) }));
    });
    app.get<{ Params: { id: string } }>('/api/docs/:id', options, async (request, reply) => {
      const { id } = request.params;
      assertPluginId(id);
      assertRead(broker, catalog);
      const entry = catalog.get(id);
      if (!entry) throw noSuchPlugin(id);
      return sendPage(reply, pluginPage(entry, { origin: originOf(request) }));
    });
  },
  { name: 'docs-routes', dependencies: ['mesh-watch'] },
);

/**
 * The address at which the gateway itself listens, without TLS: the guard lets pass no Host but its own ones, in
 * whatever case, of which pages are kept in one.
 */
function originOf({ headers }: FastifyRequest): string {
  return `http://${headers.host?.toLowerCase()}`;
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'same-origin',
    })
    .send(page);
}
