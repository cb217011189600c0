import {
  keyNameMostLength,
  keyPrefixPattern,
  keyScopesMost,
  rotateGraceDefaultSecs,
  rotateGraceMostSecs,
} from '../access.ts';
import type {
  ApiKey,
  AuditEvent,
  AuditList,
  AuditQuery,
  KeyChange,
  KeyEvent,
  KeyOrder,
  NewKey,
  Principal,
  Role,
  RoleOrder,
  RotateOrder,
  SignIn,
  Ticket,
} from '../access.ts';
import { scopeMostLength } from '../scopes.ts';
import { rateLimit } from './config.ts';
import { ref } from './ref.ts';
import { closed, count, flag, listOf, object, oneOf, orNull, text, time } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const prefix = text('The public part of the key.', { pattern: keyPrefixPattern.source });
const name = text('For people.', { minLength: 1, maxLength: keyNameMostLength });
const owner = text('Whose it is, for people; "" for nobody in particular.', { maxLength: keyNameMostLength });
const scopes = {
  ...listOf(
    text('`<verb>[:<plugin>[:<capability>]]`', { maxLength: scopeMostLength }),
    'What it allows, beside its roles.',
  ),
  maxItems: keyScopesMost,
};
const allScopes = { ...scopes, description: 'What it allows, with those of its roles.' };
const roleName = text('The name of a role.', { pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' });
const roles = { ...listOf(roleName, 'Names for scopes.'), maxItems: keyScopesMost };
const broker = flag('Whether it may connect to the broker.');
const expires_at = time('When it ends.');
const revision = count('Of this key; each change makes another.');

export const accessSchemas = {
  ApiKey: object<ApiKey>(
    {
      prefix,
      name,
      owner,
      scopes,
      roles,
      broker,
      created_at: time('When it was made.'),
      created_by: text('The prefix of the key that made it, or `bkg`.'),
      revision,
    },
    {
      limits: rateLimit,
      expires_at,
      revoked_at: time('When it was revoked; a revoked one never comes back.'),
      old_secret_until: time('How long the secret before the last rotation does, too.'),
      last_used_at: time('To the minute.'),
    },
  ),
  KeyOrder: closed(
    object<KeyOrder>({ name }, { owner, scopes, roles, broker, limits: rateLimit, expires_at }),
  ),
  KeyChange: closed(
    object<KeyChange>(
      { revision: count('That which it changes: another one by now is a CONFLICT.') },
      {
        name,
        owner: orNull(owner),
        scopes,
        roles,
        broker,
        limits: orNull(rateLimit),
        expires_at: orNull(expires_at),
      },
    ),
  ),
  RotateOrder: closed(
    object<RotateOrder>(
      {},
      {
        grace_secs: {
          ...count('How long the old secret does, too.', 0, rotateGraceMostSecs),
          default: rotateGraceDefaultSecs,
        },
      },
    ),
  ),
  NewKey: object<NewKey>({
    key: ref('ApiKey'),
    secret: text('`bkg_<prefix>_<secret>`, shown this once.'),
  }),
  Role: object<Role>({
    name: roleName,
    description: text('For people.'),
    scopes,
    built_in: flag('Every mesh has it; it cannot be changed.'),
  }),
  RoleOrder: closed(object<RoleOrder>({ scopes }, { description: text('For people.', { maxLength: 500 }) })),
  Principal: object<Principal>(
    { prefix: text('Of its key.'), name, owner, scopes: allScopes, broker, revision },
    { limits: rateLimit, expires_at: time('When its key or its session ends.') },
  ),
  SignIn: {
    ...closed(
      object<SignIn>(
        {},
        {
          key: text('`bkg_<prefix>_<secret>`', { maxLength: 100 }),
          ticket: text('From a sign-in link: it does once.', { maxLength: 100 }),
        },
      ),
    ),
    minProperties: 1,
    maxProperties: 1,
  } as SchemaOf<SignIn>,
  Ticket: object<Ticket>({
    ticket: text('It does once.'),
    expires_at: time('When it does no more.'),
  }),
  KeyEvent: object<KeyEvent>({
    prefix,
    change: oneOf(['updated', 'rotated', 'revoked', 'expired'], 'What has become of it.'),
  }),
  AuditEvent: auditEvent(),
  AuditQuery: closed(
    object<AuditQuery>(
      {},
      {
        most: { ...count('How many.', 1, 1_000), default: 100 },
        before: count('Events before this `seq`.'),
        who: text('Only of this one.', { maxLength: 100 }),
        action: text('Only this; one that ends with a dot takes all that begin with it.', { maxLength: 100 }),
      },
    ),
  ),
  AuditList: object<AuditList>(
    {
      events: listOf(
        { allOf: [auditEvent(), object<{ seq: number }>({ seq: count('Its number.') })] },
        'The newest first.',
      ),
    },
    { next: count('For `before`, when there is more.') },
  ),
};

function auditEvent(): SchemaOf<AuditEvent> {
  return object<AuditEvent>(
    {
      time: time('When.'),
      who: text('The prefix of a key; `bkg` for the mesh itself, `?` for nobody known.'),
      via: oneOf(['http', 'broker', 'mesh'], 'How it came.'),
      from: text('The client\'s address; "" where it is not known.'),
      action: text('What: `control.stop`, `key.revoke`, `session.create`, …'),
      target: text('On what: a plugin id, the prefix of a key, a route.'),
      result: text('`ok`, or an error code.'),
    },
    { detail: text('More of it, for people.') },
  );
}
