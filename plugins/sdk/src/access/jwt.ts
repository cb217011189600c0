/** The JWTs that nats-server and who answers for it exchange. Source: https://docs.nats.io, ADR-26 */
import { isRecord } from '../protocol/is-record.ts';
import type { Permissions } from '../protocol/permissions.ts';
import { createToken } from '../token.ts';
import { isPublicNkey, isSignedBy } from './nkey.ts';
import type { Nkey } from './nkey.ts';

/** Who wants to connect, and to which server, as that says it. */
export interface AuthorizationRequest {
  /** The public key of the server. */
  serverId: string;
  /** The public key that the server has made for this connection. */
  userNkey: string;
  /** The client's address, without a port; "" when the server does not say. */
  host: string;
  user: string;
  password: string;
  /** What a client shows that knows no user. */
  token: string;
}

export interface UserOptions {
  issuer: Nkey;
  userNkey: string;
  /** `$G` is the one that every nats-server has. */
  account: string;
  /** By which the server lists the connection. */
  name: string;
  permissions: Permissions;
}

const algorithm = 'ed25519-nkey';
const audience = 'nats-authorization-request';
/** Clocks of two machines differ. */
const clockMostSecs = 30;

/**
 * Reads the question of a nats-server, whose signature it must carry.
 * @param issuer the public key of who is asked
 * @throws Error that repeats nothing of it: it holds secrets
 */
export function readAuthorizationRequest(
  text: string,
  issuer: string,
  nowMs = Date.now(),
): AuthorizationRequest {
  const [head = '', body = '', signature = '', ...rest] = text.split('.');
  const [header, claims] = [head, body].map(decodePart);
  if (!isRecord(header) || !isRecord(claims) || rest.length > 0) throw wrong('it is no JWT');
  if (header['alg'] !== algorithm) throw wrong(`it is not signed by ${algorithm}`);
  const { iss, aud, sub, exp, nats } = claims;
  if (
    typeof iss !== 'string' ||
    !isSignedBy(iss, 'server', `${head}.${body}`, Buffer.from(signature, 'base64url'))
  )
    throw wrong('it is not signed by the server that it names');
  if (aud !== audience) throw wrong(`it is not for ${audience}`);
  if (sub !== issuer) throw wrong('another issuer is asked');
  if (typeof exp !== 'number' || exp + clockMostSecs < nowMs / 1_000) throw wrong('it is too old');
  const { server_id: server, user_nkey: userNkey, client_info: client, connect_opts: shown } = record(nats);
  if (record(server)['id'] !== iss) throw wrong('its server is not the one that has signed it');
  if (typeof userNkey !== 'string' || !isPublicNkey(userNkey, 'user')) throw wrong('it names no user key');
  const { user, pass, auth_token: token } = record(shown);
  return {
    serverId: iss,
    userNkey,
    host: textOf(record(client)['host']),
    user: textOf(user),
    password: textOf(pass),
    token: textOf(token),
  };
}

/**
 * What a client may do. It has no end: the server cuts a connection at it, with all that is under way. What ends is what
 * the client shows, and then its connections are closed.
 */
export function encodeUser({ issuer, userNkey, account, name, permissions }: UserOptions): string {
  const { publish, subscribe } = permissions;
  return encode(issuer, {
    sub: userNkey,
    aud: account,
    name,
    nats: {
      type: 'user',
      version: 2,
      pub: publish,
      sub: subscribe,
      // No limits but those of the server.
      subs: -1,
      data: -1,
      payload: -1,
    },
  });
}

/** The answer to a server: the JWT of a user, or why there is none, which the server writes to its log. */
export function encodeAnswer(
  issuer: Nkey,
  { userNkey, serverId }: Pick<AuthorizationRequest, 'userNkey' | 'serverId'>,
  answer: { jwt: string } | { error: string },
): string {
  return encode(issuer, {
    sub: userNkey,
    aud: serverId,
    nats: { type: 'authorization_response', version: 2, ...answer },
  });
}

function encode({ publicKey, sign }: Nkey, claims: Record<string, unknown>): string {
  const iat = Math.floor(Date.now() / 1_000);
  const parts = [
    { typ: 'JWT', alg: algorithm },
    { jti: createToken(), iat, iss: publicKey, ...claims },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign(text).toString('base64url')}`;
}

function decodePart(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown;
  } catch {
    // Not JSON: told by who looks at it.
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function wrong(why: string): Error {
  return new Error(`This is no authorization request of a nats-server: ${why}.`);
}
