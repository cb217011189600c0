import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { assertAllowed } from '../access/caller.ts';
import { assertPluginId } from '../plugin-names.ts';
import { assertRead } from '../mesh/readiness.ts';
import { noSuchPlugin } from '../mesh/unanswered.ts';
import { indexPage, pluginPage } from './docs/pages.ts';
import type { PageOptions } from './docs/pages.ts';
import { contentSecurityPolicy } from './docs/style.ts';
import { visiblePart } from './visible.ts';

/** `GET /api/docs` and `/api/docs/:id`: the document for people, without any script. */
export const docsRoutes = fp<{ publicUrl?: URL }>(
  async (app, { publicUrl }) => {
    const { broker, catalog } = app;
    const options = { config: { isQuiet: true, access: 'anyone' } } as const;
    app.get('/api/docs', options, async (request, reply) => {
      const { caller } = request;
      const plugins = catalog.ids().flatMap((id) => {
        const entry = catalog.get(id);
        return (entry && visiblePart(caller, entry)) ?? [];
      });
      return sendPage(reply, indexPage(plugins, addressOf(request, publicUrl)));
    });
    app.get<{ Params: { id: string } }>('/api/docs/:id', options, async (request, reply) => {
      const { id } = request.params;
      const { caller } = request;
      const need = { verb: 'read', plugin: id } as const;
      // Of a plugin of which it may invoke one capability it sees that one.
      if (!caller.allows({ verb: 'invoke', plugin: id })) assertAllowed(caller, need);
      assertPluginId(id);
      assertRead(broker, catalog);
      const entry = catalog.get(id);
      if (!entry) throw noSuchPlugin(id);
      const part = visiblePart(caller, entry);
      if (!part) return assertAllowed(caller, need);
      return sendPage(reply, pluginPage(part, addressOf(request, publicUrl)));
    });
  },
  { name: 'docs-routes', dependencies: ['mesh-watch'] },
);

/**
 * The public address for who has come by it; else that at which the gateway itself listens, without TLS. The guard lets pass
 * no Host but its own ones, in whatever case: pages are kept for each.
 */
function addressOf({ headers }: FastifyRequest, publicUrl: URL | undefined): PageOptions {
  const host = headers.host?.toLowerCase();
  const isPublic = publicUrl !== undefined && host === publicUrl.host;
  return { origin: isPublic ? publicUrl.origin : `http://${host}`, isPublic };
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'same-origin',
      vary: 'Authorization, Cookie',
    })
    .send(page);
}
