import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { jsonContentType } from '@bkg/sdk';
import type { BkgError, HistoryQuery, Logger, PluginConfig } from '@bkg/sdk';
import { ordererOf } from './access/actor.ts';
import { assertAllowed } from './access/caller.ts';
import { needs } from './access/route-access.ts';
import { assertPluginId } from './plugin-names.ts';
import { readBody } from './http/read-body.ts';
import { assertJson, invalidBody, parseSecretBody } from './http/wire-body.ts';
import { assertRead } from './mesh/readiness.ts';
import { SupervisorClient } from './mesh/supervisor-client.ts';
import { noSuchPlugin } from './mesh/unanswered.ts';

const limit = {
  mostBytes: 256 * 1024,
  remedy: 'It takes the members that change, and the "revision" that they change.',
};

/**
 * `GET /api/plugins/:id/config` and `/config/history?before=`, and `POST` of a merge patch, which the supervisor checks,
 * writes and, unless it says `"wait": false`, brings to every instance before it answers.
 */
export const configRoutes = fp<{ log: Logger }>(
  async (app, { log }) => {
    const { broker, catalog, cutOff } = app;
    const supervisor = new SupervisorClient(broker, cutOff);

    app.get<{ Params: { id: string } }>(
      '/api/plugins/:id/config',
      { config: { isQuiet: true, access: needs('read') } },
      async ({ params: { id } }): Promise<PluginConfig> => {
        assertPluginId(id);
        assertRead(broker, catalog);
        const entry = catalog.get(id);
        if (!entry) throw noSuchPlugin(id);
        return entry.config;
      },
    );

    app.post<{ Params: { id: string } }>(
      '/api/plugins/:id/config',
      { config: { access: needs('control', 'control.configure') } },
      async (request, reply) => {
        const { id } = request.params;
        assertPluginId(id);
        const body = await readBody(request, reply, limit);
        const change = readChange(request, body);
        if (changesAccess(change)) assertAllowed(request.caller, { verb: 'admin' });
        const orderer = ordererOf(app, request);
        log.info({ plugin: id, who: orderer.who }, `another configuration of ${id} was asked for`);
        const config = await supervisor.configure(id, body, change.wait !== false, orderer);
        // Whoever asks right after this must not be told of the time before.
        catalog.noteConfig(id, config);
        return config;
      },
    );

    app.get<{ Params: { id: string }; Querystring: Record<string, unknown> }>(
      '/api/plugins/:id/config/history',
      { config: { isQuiet: true, access: needs('read') } },
      async (request, reply) => {
        const { id } = request.params;
        assertPluginId(id);
        const history = await supervisor.history(id, readHistoryQuery(request.query));
        return reply.header('content-type', jsonContentType).send(history);
      },
    );
  },
  { name: 'config-routes', dependencies: ['mesh-watch', 'shutdown'] },
);

/** Whether it fits the supervisor says; here matters how long that may take. */
function readChange(request: FastifyRequest, body: Buffer): Record<string, unknown> {
  if (body.length === 0) throw invalid('', `There is no body. ${limit.remedy}`);
  assertJson(request);
  // In `env` there may be a password.
  return Object(parseSecretBody(body, limit.remedy)) as Record<string, unknown>;
}

/** What a plugin's processes are given and can see: with it, who may start them could do as they can. */
function changesAccess(change: Record<string, unknown>): boolean {
  return ['env', 'sandbox'].some((member) => Object.hasOwn(change, member));
}

function readHistoryQuery({ before }: Record<string, unknown>): HistoryQuery {
  if (before === undefined) return {};
  const revision = Number(before);
  if (typeof before === 'string' && /^\d+$/.test(before) && revision >= 1 && Number.isSafeInteger(revision))
    return { before: revision };
  const given = JSON.stringify(before).slice(0, 64);
  throw invalid('/before', `"before" is ${given}; it takes a revision, a whole number from 1.`);
}

function invalid(path: string, detail: string): BkgError {
  return invalidBody(detail, [{ path, message: detail }]);
}
