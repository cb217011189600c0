import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError, hideSecrets, keyPrefixPattern } from '@bkg/sdk';
import type { KeyChange, KeyOrder, RotateOrder } from '@bkg/sdk';
import { WireBody } from '../http/wire-body.ts';
import { actorOf } from './actor.ts';
import { forAdmins } from './route-access.ts';

/** Enough for 100 scopes and 100 roles, in whatever way they are escaped. */
const mostBytes = 256 * 1024;
const orders = new WireBody<KeyOrder>({ what: 'A new key', schema: 'KeyOrder', mostBytes });
const changes = new WireBody<KeyChange>({ what: 'A change of a key', schema: 'KeyChange', mostBytes });
const rotations = new WireBody<RotateOrder>({ what: 'rotate', schema: 'RotateOrder', mostBytes });

type OfKey = FastifyRequest<{ Params: { prefix: string } }>;

/** `/api/keys…`: what the plugin that keeps the keys does, for admins. */
export const keyRoutes = fp(
  async (app) => {
    const { keeper, callers } = app.access;

    app.get('/api/keys', forAdmins('key.list', { isQuiet: true }), async () => keeper.listKeys());

    app.post('/api/keys', forAdmins('key.create'), async (request: FastifyRequest, reply: FastifyReply) => {
      const order = await orders.read(request, reply);
      return reply.code(201).send(await keeper.createKey(actorOf(app, request), order));
    });

    app.get('/api/keys/:prefix', forAdmins('key.get', { isQuiet: true }), async (request: OfKey) =>
      keeper.getKey(prefixOf(request)),
    );

    app.patch('/api/keys/:prefix', forAdmins('key.update'), async (request: OfKey, reply) => {
      const prefix = prefixOf(request);
      const change = await changes.read(request, reply);
      const key = await keeper.updateKey(actorOf(app, request), prefix, change);
      // Whoever comes right after this must not find what was before.
      callers.changed(prefix);
      return key;
    });

    app.delete('/api/keys/:prefix', forAdmins('key.revoke'), async (request: OfKey) => {
      const prefix = prefixOf(request);
      const key = await keeper.revokeKey(actorOf(app, request), prefix);
      callers.changed(prefix);
      return key;
    });

    app.post('/api/keys/:prefix/rotate', forAdmins('key.rotate'), async (request: OfKey, reply) => {
      const prefix = prefixOf(request);
      const order = await rotations.read(request, reply);
      const key = await keeper.rotateKey(actorOf(app, request), prefix, order);
      callers.changed(prefix);
      return key;
    });
  },
  { name: 'key-routes', dependencies: ['access-link', 'authorization'] },
);

/** @throws BkgError for what can be no key, of which nobody needs to be asked */
function prefixOf({ params: { prefix } }: OfKey): string {
  if (keyPrefixPattern.test(prefix)) return prefix;
  throw new BkgError(
    'INVALID_PAYLOAD',
    `"${hideSecrets(prefix).slice(0, 64)}" is no key's prefix: it takes the public part, K and nine characters, as GET /api/keys lists it.`,
  );
}
