import fp from 'fastify-plugin';
import { BkgError, isJsonContentType } from '@bkg/sdk';
import type { Logger, PluginConfig } from '@bkg/sdk';
import { parseBody } from './invoke/raw-json.ts';
import { assertPluginId } from './plugin-names.ts';
import { readBody } from './http/read-body.ts';
import { assertRead } from './mesh/readiness.ts';
import { SupervisorClient } from './mesh/supervisor-client.ts';
import { noSuchPlugin } from './mesh/unanswered.ts';

const limit = {
  mostBytes: 256 * 1024,
  remedy: 'It takes the members that change, and the "revision" that they change.',
};

/** `GET /api/plugins/:id/config`, and `POST` of a merge patch, which the supervisor checks and writes. */
export const configRoutes = fp<{ log: Logger }>(
  async (app, { log }) => {
    const { broker, catalog, cutOff } = app;
    const supervisor = new SupervisorClient(broker, cutOff);

    app.get<{ Params: { id: string } }>(
      '/api/plugins/:id/config',
      { config: { isQuiet: true } },
      async ({ params: { id } }): Promise<PluginConfig> => {
        assertPluginId(id);
        assertRead(broker, catalog);
        const entry = catalog.get(id);
        if (!entry) throw noSuchPlugin(id);
        return entry.config;
      },
    );

    app.post<{ Params: { id: string } }>('/api/plugins/:id/config', async (request, reply) => {
      const { id } = request.params;
      assertPluginId(id);
      const body = await readBody(request, reply, limit);
      assertJson(body, request.headers['content-type']);
      log.info({ plugin: id }, `another configuration of ${id} was asked for`);
      const config = await supervisor.configure(id, body);
      // Whoever asks right after this must not be told of the time before.
      catalog.noteConfig(id, config);
      return config;
    });
  },
  { name: 'config-routes', dependencies: ['mesh-watch', 'shutdown'] },
);

/** What is in it the supervisor says. */
function assertJson(body: Buffer, contentType: string | undefined): void {
  if (body.length > 0 && contentType !== undefined && isJsonContentType(contentType))
    return void parseBody(body);
  const detail =
    body.length === 0
      ? `There is no body. ${limit.remedy}`
      : 'The body needs "Content-Type: application/json".';
  throw new BkgError('INVALID_PAYLOAD', detail, { errors: [{ path: '', message: detail }] });
}
