import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError, isPluginId } from '@bkg/sdk';
import type { RoleOrder } from '@bkg/sdk';
import { WireBody } from '../http/wire-body.ts';
import { actorOf } from './actor.ts';
import { forAdmins } from './route-access.ts';

/** Enough for 100 scopes, in whatever way they are escaped. */
const mostBytes = 128 * 1024;
const orders = new WireBody<RoleOrder>({ what: 'A role', schema: 'RoleOrder', mostBytes });

type OfRole = FastifyRequest<{ Params: { name: string } }>;

/** `/api/roles…`: names for scopes, for admins. Of the keys that have a changed one the keeper tells itself. */
export const roleRoutes = fp(
  async (app) => {
    const { keeper } = app.access;

    app.get('/api/roles', forAdmins('role.list', { isQuiet: true }), async () => keeper.listRoles());

    app.put('/api/roles/:name', forAdmins('role.put'), async (request: OfRole, reply) => {
      const name = nameOf(request);
      const order = await orders.read(request, reply);
      return keeper.putRole(actorOf(app, request), name, order);
    });

    app.delete('/api/roles/:name', forAdmins('role.delete'), async (request: OfRole, reply) => {
      await keeper.deleteRole(actorOf(app, request), nameOf(request));
      return reply.code(204).send();
    });
  },
  { name: 'role-routes', dependencies: ['access-link', 'authorization'] },
);

/** @throws BkgError INVALID_PAYLOAD */
function nameOf({ params: { name } }: OfRole): string {
  if (isPluginId(name)) return name;
  throw new BkgError(
    'INVALID_PAYLOAD',
    `"${name.slice(0, 64)}" is no name of a role: it takes 1 to 63 of a-z, 0-9, "_" and "-", as a plugin id does.`,
  );
}
