import fp from 'fastify-plugin';
import { BkgError, createValidator, jsonContentType, schemaOf } from '@bkg/sdk';
import type { AuditQuery } from '@bkg/sdk';
import { SupervisorClient } from '../mesh/supervisor-client.ts';
import { forAdmins } from './route-access.ts';

const errorsOf = createValidator(schemaOf('AuditQuery'));
const numbers = ['most', 'before'];

/** `GET /api/audit?most=&before=&who=&action=`: what the supervisor finds in the audit. */
export const auditRoutes = fp(
  async (app) => {
    const supervisor = new SupervisorClient(app.broker, app.cutOff);
    app.get<{ Querystring: Record<string, unknown> }>(
      '/api/audit',
      forAdmins('audit.list', { isQuiet: true }),
      async ({ query }, reply) => {
        const list = await supervisor.audit(readAuditQuery(query));
        return reply.header('content-type', jsonContentType).send(list);
      },
    );
  },
  { name: 'audit-routes', dependencies: ['authorization', 'broker-link', 'shutdown'] },
);

/** @throws BkgError INVALID_PAYLOAD that names everything that is wrong */
function readAuditQuery(given: Record<string, unknown>): AuditQuery {
  const query = Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const isCount = numbers.includes(name) && typeof value === 'string' && /^\d{1,16}$/.test(value);
      return [name, isCount ? Number(value) : value];
    }),
  );
  const errors = errorsOf(query);
  if (errors.length === 0) return query;
  const places = errors
    .map(({ path, message }) => `${path ? `"${path.slice(1)}" ` : ''}${message}`)
    .join('; ');
  const detail = `The query does not fit: ${places}. It takes most, before, who and action.`;
  throw new BkgError('INVALID_PAYLOAD', detail, { errors });
}
