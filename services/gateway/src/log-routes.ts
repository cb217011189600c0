import fp from 'fastify-plugin';
import { BkgError, isLogLevel, jsonContentType, logLevels, logLinesMost, parseSince } from '@bkg/sdk';
import type { LogQuery } from '@bkg/sdk';
import { needs } from './access/route-access.ts';
import { assertPluginId } from './plugin-names.ts';
import { SupervisorClient } from './mesh/supervisor-client.ts';

/** `GET /api/plugins/:id/logs?lines=&level=&since=`: what the supervisor has kept, also of a plugin that is stopped. */
export const logRoutes = fp(
  async (app) => {
    const supervisor = new SupervisorClient(app.broker, app.cutOff);
    app.get<{ Params: { id: string }; Querystring: Record<string, unknown> }>(
      '/api/plugins/:id/logs',
      { config: { isQuiet: true, access: needs('read') } },
      async (request, reply) => {
        const { id } = request.params;
        assertPluginId(id);
        const lines = await supervisor.logs(id, readLogQuery(request.query));
        return reply.header('content-type', jsonContentType).send(lines);
      },
    );
  },
  { name: 'log-routes', dependencies: ['broker-link', 'shutdown'] },
);

/** @throws BkgError INVALID_PAYLOAD that names everything that is wrong */
function readLogQuery({ lines, level, since }: Record<string, unknown>): LogQuery {
  const errors = [];
  const count = Number(lines);
  const isCount = typeof lines === 'string' && /^\d{1,5}$/.test(lines) && count >= 1 && count <= logLinesMost;
  if (lines !== undefined && !isCount) {
    errors.push({ path: '/lines', message: `takes a whole number from 1 to ${logLinesMost}` });
  }
  if (level !== undefined && !isLogLevel(level)) {
    errors.push({ path: '/level', message: `takes one of ${logLevels.join(', ')}` });
  }
  if (since !== undefined && (typeof since !== 'string' || parseSince(since, Date.now()) === undefined)) {
    errors.push({
      path: '/since',
      message: 'takes a time such as 2026-01-31T08:00:00Z or a span such as 15m',
    });
  }
  if (errors.length > 0) {
    const detail = errors.map(({ path, message }) => `"${path.slice(1)}" ${message}`).join('; ');
    throw new BkgError('INVALID_PAYLOAD', `The query does not fit: ${detail}.`, { errors });
  }
  return {
    ...(lines !== undefined && { lines: count }),
    ...(isLogLevel(level) && { level }),
    ...(typeof since === 'string' && { since }),
  };
}
