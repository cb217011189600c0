import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../connection.ts';
import type { Logger } from '../logger.ts';
import { keyPrefixPattern } from '../protocol/access.ts';
import type { AuditEvent, Principal } from '../protocol/access.ts';
import { BkgError } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { accessQueue, instancePermissions, keyPermissions } from '../protocol/permissions.ts';
import type { InstanceIdentity, Permissions } from '../protocol/permissions.ts';
import { parseScope } from '../protocol/scopes.ts';
import { serverInboxRoot, subjects } from '../protocol/subjects.ts';
import { instanceName, isInstanceToken, readInstanceToken } from './instance-token.ts';
import { encodeAnswer, encodeUser, readAuthorizationRequest } from './jwt.ts';
import type { AuthorizationRequest } from './jwt.ts';
import { keyName } from './key-name.ts';
import { parseKey } from './key.ts';
import type { KeyParts } from './key.ts';
import { readNkey } from './nkey.ts';
import { Refusals } from './refusals.ts';

export interface CalloutOptions {
  connection: Connection;
  /** Of the account that the configuration of nats-server names as `issuer` of `auth_callout`. */
  issuerSeed: string;
  /** Whether an instance that shows a token of ours is still wanted. */
  verifyInstance: (claims: InstanceIdentity) => Promise<boolean>;
  /** Whose a key is, or why it does not do. */
  verifyKey: (parts: KeyParts) => Promise<Principal | { refused: string }>;
  /** Is told of who was refused, not more often than somebody can read. */
  audit?: (event: Omit<AuditEvent, 'time'>) => void;
  log: Logger;
  /** For an answer. The server gives up after its `authorization.timeout`, and then closes the connection. @default 4000 */
  deadlineMs?: number;
  /** Keys that are checked at the same time, and as many instances; who comes beyond them is refused. @default 512 */
  most?: number;
}

/** Where everybody is: the one account that every nats-server has. */
const account = '$G';

export interface Callout {
  /** Takes no new question and answers those that it has. */
  close(): Promise<void>;
}

/** Somebody who may connect. */
interface Admitted {
  name: string;
  permissions: Permissions;
}

/** Why somebody may not. None of it holds what was shown. */
class Refused extends Error {
  readonly code: ErrorCode;
  readonly who: string;
  readonly target: string;

  constructor(code: ErrorCode, why: string, { who = '?', target = '' } = {}) {
    super(why);
    this.code = code;
    this.who = who;
    this.target = target;
  }
}

/**
 * Answers nats-server's question who a client is, beside all others who do. An instance shows the token that it was
 * launched with, anybody else an API key as password or as token. Every question is answered in time, with a refusal when
 * nothing better is known.
 */
export function serveCallout(options: CalloutOptions): Callout {
  const { connection, issuerSeed, audit, log, deadlineMs = 4_000, most = 512 } = options;
  const issuer = readNkey(issuerSeed);
  const refusals = new Refusals({
    write: (event) => {
      const { from, target, result, detail } = event;
      log.warn({ from, target, code: result }, `a client was refused: ${detail}`);
      audit?.(event);
    },
  });
  // Apart: a flood of keys must not keep instances from coming back.
  const running = { instance: new Set<Promise<void>>(), key: new Set<Promise<void>>() };

  const answer = async (msg: Msg, request: AuthorizationRequest, beside: number): Promise<void> => {
    // When the broker is away, so is the one that has asked.
    const tell = (said: { jwt: string } | { error: string }): unknown =>
      msg.reply && connection.publish(msg.reply, encodeAnswer(issuer, request, said));
    try {
      if (beside >= most) throw new Refused('BUSY', `${most} others are just being checked; try again`);
      const { name, permissions } = await within(deadlineMs, admit(options, request));
      const { userNkey } = request;
      // Who may do very much may have more to be told than the broker takes in one message: that is a refusal, too.
      tell({ jwt: encodeUser({ issuer, userNkey, account, name, permissions }) });
    } catch (error) {
      const refused = asRefused(error, log);
      const { code, who, target, message } = refused;
      refusals.note({
        who,
        via: 'broker',
        from: request.host,
        action: 'connect',
        target,
        result: code,
        detail: message,
      });
      tell({ error: `${code}: ${message}` });
    }
  };

  const take = (msg: Msg): void => {
    let request: AuthorizationRequest;
    try {
      // We would publish to whatever the asker names.
      if (!msg.reply?.startsWith(serverInboxRoot))
        throw new Error('its reply subject is none of a nats-server');
      request = readAuthorizationRequest(msg.string(), issuer.publicKey);
    } catch (error) {
      log.error({ error }, 'a question on who a client is was not answered');
      return;
    }
    const others = running[isInstanceToken(shownBy(request)) ? 'instance' : 'key'];
    const work = answer(msg, request, others.size).finally(() => others.delete(work));
    others.add(work);
  };

  const subscription = connection.subscribe(subjects.authorization, {
    queue: accessQueue,
    callback: (error, msg) => {
      if (!error) take(msg);
    },
  });
  return {
    close: async () => {
      if (!subscription.isClosed()) await connection.drain([subscription]);
      await Promise.all([...running.instance, ...running.key]);
      refusals.close();
    },
  };
}

function shownBy({ password, token }: AuthorizationRequest): string {
  return password || token;
}

async function admit(options: CalloutOptions, request: AuthorizationRequest): Promise<Admitted> {
  const shown = shownBy(request);
  if (isInstanceToken(shown)) return admitInstance(options, request.user, shown);
  const parts = parseKey(shown);
  if (parts) return admitKey(options, request.user, parts);
  const why = shown ? 'what it shows is no API key' : 'it shows no API key';
  throw new Refused('UNAUTHENTICATED', `${why}; a key is given as the password or as the token`);
}

async function admitInstance(
  { issuerSeed, verifyInstance }: CalloutOptions,
  user: string,
  token: string,
): Promise<Admitted> {
  const claims = readInstanceToken(issuerSeed, token);
  if (!claims) throw new Refused('UNAUTHENTICATED', 'its token was not made by this mesh');
  const name = instanceName(claims);
  const of = { target: claims.plugin };
  if (user !== '' && user !== name)
    throw new Refused('UNAUTHENTICATED', `the token of ${name} comes with another user`, of);
  if (!(await verifyInstance(claims)))
    throw new Refused('UNAUTHENTICATED', `the instance ${name} has ended, and its token with it`, of);
  return { name, permissions: instancePermissions(claims) };
}

async function admitKey({ verifyKey }: CalloutOptions, user: string, parts: KeyParts): Promise<Admitted> {
  const { prefix } = parts;
  const of = { target: prefix };
  if (keyPrefixPattern.test(user) && user !== prefix)
    throw new Refused('UNAUTHENTICATED', `the key ${prefix} comes with another one as its user`, of);
  const found = await verifyKey(parts);
  if ('refused' in found) {
    const { refused } = found;
    // Of an unknown one, a wrong secret included, nobody can say whose it is.
    const who = refused === 'unknown' ? '?' : prefix;
    throw new Refused('UNAUTHENTICATED', `the key ${prefix} is ${refused}`, { who, target: prefix });
  }
  if (!found.broker) {
    const why = `the key ${prefix} is not for the broker, only for HTTP`;
    throw new Refused('FORBIDDEN', why, { who: prefix, target: prefix });
  }
  return {
    name: keyName(found),
    permissions: keyPermissions({ prefix, scopes: found.scopes.map(parseScope) }),
  };
}

function asRefused(error: unknown, log: Logger): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof BkgError) return new Refused(error.problem.code as ErrorCode, error.problem.detail);
  log.error({ error }, 'it could not be found out who a client is');
  return new Refused('INTERNAL', 'it could not be found out who it is; the log of who checks it says why');
}

/** @throws Refused when it takes longer */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Refused('DEADLINE_EXCEEDED', `it could not be found out within ${ms} ms who it is`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
