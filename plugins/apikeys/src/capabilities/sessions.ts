import { capability, Type } from '@bkg/sdk';
import type { Capability } from '@bkg/sdk';
import type { Actor, NewSession, Refusal, SessionProof } from '@bkg/sdk/access';
import { audited } from '../audited.ts';
import { keyErrors } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { actor, closed, done, hash, prefix, refusal, verdict, wholeWire, wire } from './schemas.ts';

const { APIKEYS_NOT_FOUND, APIKEYS_CONFLICT } = keyErrors;

type Order = { actor: Actor } & SessionProof;

export const sessionCreate = (parts: () => Parts): Capability =>
  capability({
    name: 'Sign in',
    description: 'Makes a session of at most 12 hours for who shows a key, or a ticket that does once.',
    input: Type.Unsafe<Order>(
      Type.Union([
        Type.Object({ actor, prefix, hash }, closed),
        Type.Object({ actor, ticket_hash: hash }, closed),
      ]),
    ),
    output: Type.Unsafe<NewSession | Refusal>(
      Type.Union([
        Type.Object({
          principal: wire('Principal'),
          session: Type.String({ description: 'Shown this once.' }),
          expires_at: Type.String({ format: 'date-time', description: 'When it ends.' }),
        }),
        refusal,
      ]),
    ),
    errors: { APIKEYS_CONFLICT },
    handler: ({ actor: who, ...proof }) => {
      const byTicket = 'ticket_hash' in proof;
      return audited<NewSession | Refusal>(
        parts().audit,
        {
          actor: who,
          whoOf: (made) => ('principal' in made ? made.principal.prefix : undefined),
          action: 'session.create',
          // Of a ticket that is wrong nobody knows whose it would have been.
          target: (made) => ('principal' in made ? made.principal.prefix : byTicket ? '' : proof.prefix),
          detail: byTicket ? 'by a ticket' : 'by a key',
          resultOf: (made) => ('refused' in made ? 'UNAUTHENTICATED' : 'ok'),
        },
        () => parts().sessions.create(proof),
      );
    },
  });

export const sessionVerify = (parts: () => Parts): Capability =>
  capability({
    name: 'Verify a session',
    description: 'Finds out who has signed in, by the SHA-256 of the session: the key as it is now.',
    input: Type.Object({ hash }, closed),
    output: verdict,
    idempotent: true,
    handler: ({ hash: shown }) => parts().sessions.verify(shown),
  });

export const sessionDelete = (parts: () => Parts): Capability =>
  capability({
    name: 'Sign out',
    description: 'Ends a session. One that is over, or never was, is no failure.',
    input: Type.Object({ actor, hash }, closed),
    output: done,
    idempotent: true,
    handler: async ({ actor: who, hash: shown }) => {
      await audited(
        parts().audit,
        { actor: who, action: 'session.delete', target: (of: string | undefined) => of ?? '' },
        () => parts().sessions.delete(shown),
      );
      return { ok: true as const };
    },
  });

export const ticketCreate = (parts: () => Parts): Capability =>
  capability({
    name: 'Make a sign-in ticket',
    description:
      'Makes a ticket that signs in with a key, by its prefix and the SHA-256 of its secret: once, within 10 minutes, and for as long as that secret does.',
    input: Type.Object({ actor, prefix, hash }, closed),
    output: wholeWire('Ticket'),
    errors: { APIKEYS_NOT_FOUND, APIKEYS_CONFLICT },
    handler: ({ actor: who, ...proof }) =>
      audited(parts().audit, { actor: who, action: 'ticket.create', target: proof.prefix }, () =>
        parts().sessions.createTicket(proof),
      ),
  });
