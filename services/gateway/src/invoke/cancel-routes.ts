import fp from 'fastify-plugin';
import { accessPlugin, BkgError, isSubjectToken } from '@bkg/sdk';
import { needs } from '../access/route-access.ts';
import { invocationIdForm } from './call-headers.ts';
import { assertPluginId } from '../plugin-names.ts';

/** `DELETE /api/plugins/:id/invocations/:invocation_id`: whoever may invoke something of a plugin and knows the id may end it. */
export const cancelRoutes = fp(
  async (app) => {
    const { broker, invocations } = app;
    app.delete<{ Params: { id: string; invocation_id: string } }>(
      '/api/plugins/:id/invocations/:invocation_id',
      { config: { isQuiet: true, access: needs('invoke', 'cancel') } },
      async ({ params }, reply) => {
        const { id, invocation_id: invocationId } = params;
        assertPluginId(id);
        if (id === accessPlugin)
          throw new BkgError('FORBIDDEN', `What ${accessPlugin} does is not for invocations.`);
        if (!isSubjectToken(invocationId)) {
          const given = `"${invocationId.slice(0, 128)}"`;
          throw new BkgError(
            'INVALID_PAYLOAD',
            `The invocation id is ${given}; it takes ${invocationIdForm}.`,
          );
        }
        if (!invocations.cancel(id, invocationId)) throw broker.awayError();
        return reply.code(204).send();
      },
    );
  },
  { name: 'cancel-routes', dependencies: ['broker-link', 'invocations'] },
);
