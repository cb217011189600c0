import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import type { Principal, SignIn } from '@bkg/sdk';
import { hashSecret, parseKey } from '@bkg/sdk/access';
import { WireBody } from '../http/wire-body.ts';
import { actorOf } from './actor.ts';
import { attempt, keyIn } from './authentication.ts';
import { refusedError } from './live-caller.ts';
import { secretPattern } from './session-cookie.ts';

const signIns = new WireBody<SignIn>({
  what: 'Signing in',
  schema: 'SignIn',
  mostBytes: 4_096,
  isSecret: true,
});

/** `/api/session`: who somebody is, signing in and out. `/api/session/tickets`: links to sign in with. */
export const sessionRoutes = fp(
  async (app) => {
    const { access } = app;
    const { keeper, known, callers, cookie } = access;

    app.get(
      '/api/session',
      { config: { access: 'signed in', isQuiet: true } },
      async ({ caller }): Promise<Principal | undefined> => caller.principal,
    );

    // A new session each time: one that somebody else has put into this browser never becomes more than it was.
    app.post('/api/session', { config: { access: 'open' } }, async (request, reply) => {
      const { key, ticket = '' } = await signIns.read(request, reply);
      const actor = actorOf(app, request);
      const parts = key === undefined ? undefined : parseKey(key);
      const scope = known.scopeOf('key', parts?.secret ?? '');
      const made = await attempt(access, request, scope, key ?? ticket, async () => {
        if (parts) {
          const { prefix, secret } = parts;
          return keeper.createSession(actor, { prefix, hash: hashSecret(secret) });
        }
        if (key === undefined && secretPattern.test(ticket))
          return keeper.createSession(actor, { ticket_hash: hashSecret(ticket) });
        return { refused: 'unknown' as const };
      });
      if ('refused' in made) {
        if (key !== undefined) throw refusedError('key', made.refused);
        throw new BkgError(
          'UNAUTHENTICATED',
          'This sign-in link does no more: it does once, and for 10 minutes. Make another one.',
        );
      }
      if (parts) known.note('key', parts.secret);
      await signOut(ownSession(request.headers), actor);
      return reply.code(201).header('set-cookie', cookie.set(made.session)).send(made.principal);
    });

    app.delete('/api/session', { config: { access: 'signed in' } }, async (request, reply) => {
      if (request.session === undefined) {
        throw new BkgError('INVALID_PAYLOAD', 'There is no session to sign out of: a key is not one.');
      }
      await signOut(request.session, actorOf(app, request));
      return reply.code(204).header('set-cookie', cookie.clear()).send();
    });

    app.post('/api/session/tickets', { config: { access: 'signed in' } }, async (request, reply) => {
      const parts = keyIn(request.headers.authorization);
      // By a session it would be one that never ends: each would make the next.
      if (parts === undefined || request.session !== undefined) {
        throw new BkgError(
          'FORBIDDEN',
          'A sign-in link is made with the key itself, as "Authorization: Bearer bkg_…", and not from a session.',
        );
      }
      const proof = { prefix: parts.prefix, hash: hashSecret(parts.secret) };
      return reply.code(201).send(await keeper.createTicket(actorOf(app, request), proof));
    });

    /** The hash of a session that the browser has had so far, whatever it is worth. */
    function ownSession(headers: Parameters<typeof cookie.read>[0]): string | undefined {
      try {
        const secret = cookie.read(headers);
        return secret === undefined ? undefined : hashSecret(secret);
      } catch {
        // Something that is none.
        return undefined;
      }
    }

    async function signOut(session: string | undefined, actor: ReturnType<typeof actorOf>): Promise<void> {
      if (session === undefined) return;
      await keeper.deleteSession(actor, session);
      callers.signedOut(session);
    }
  },
  { name: 'session-routes', dependencies: ['access-link', 'authorization'] },
);
