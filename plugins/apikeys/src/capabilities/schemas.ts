import { keyPrefixPattern, schemaOf, Type, wireSchemas } from '@bkg/sdk';
import type { Wire, WireName } from '@bkg/sdk';
import type { Actor, Verdict } from '@bkg/sdk/access';

/** A schema of the wire as a part of another one. Only for those that refer to no third. */
export const wire = <Name extends WireName>(name: Name) => Type.Unsafe<Wire[Name]>(wireSchemas[name]);

/** A schema of the wire that stands alone. */
export const wholeWire = <Name extends WireName>(name: Name) => Type.Unsafe<Wire[Name]>(schemaOf(name));

const anyone = { maxLength: 200 };

export const actor = Type.Unsafe<Actor>(
  Type.Object(
    {
      who: Type.String({
        minLength: 1,
        ...anyone,
        description: 'The prefix of a key, or bkg for the mesh itself.',
      }),
      via: Type.Enum(['http', 'broker', 'mesh'], { description: 'How it came.' }),
      from: Type.String({ ...anyone, description: 'The address of the client, "" where it is not known.' }),
    },
    { additionalProperties: false, description: 'Who orders it, for the audit.' },
  ),
);

export const prefix = Type.String({
  pattern: keyPrefixPattern.source,
  description: 'The public part of a key.',
});

export const hash = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256 of the secret, as hexadecimal digits.',
});

export const roleName = Type.String({
  pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
  description: 'The name of a role.',
});

/** Of an input: a member that it does not name is an error. */
export const closed = { additionalProperties: false };

export const refusal = Type.Object({
  refused: Type.Enum(['unknown', 'expired', 'revoked'], {
    description: 'Why it is not let in; of one whose secret is wrong nothing else is told.',
  }),
});

export const verdict = Type.Unsafe<Verdict>(
  Type.Union([Type.Object({ principal: wire('Principal') }), refusal]),
);

export const done = Type.Object({ ok: Type.Literal(true) });

export const next = Type.Optional(
  Type.String({ description: 'There are more: ask again with this as "after".' }),
);
