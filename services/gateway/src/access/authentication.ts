import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError, wholeSecs } from '@bkg/sdk';
import { hashSecret, parseKey } from '@bkg/sdk/access';
import type { KeyParts, Refusal } from '@bkg/sdk/access';
import { shownPath } from '../http/shown-path.ts';
import type { Access } from './access-link.ts';
import { anonymous, nobody, whoIs } from './caller.ts';
import type { Caller } from './caller.ts';
import { neighbourhood } from './client-address.ts';
import { refusedError } from './live-caller.ts';
import type { LiveCaller } from './live-caller.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The SHA-256 of the session that it comes with, when it is that which says who it is. */
    session: string | undefined;
  }
}

export interface AuthenticationOptions {
  noAuth?: boolean;
}

/**
 * Finds out who sends a request: by its key, or by the session of the dashboard. A key in an address is never read:
 * addresses stand in logs and histories.
 */
export const authentication = fp<AuthenticationOptions>(
  async (app, { noAuth = false }) => {
    const { access } = app;
    app.decorateRequest('session');
    app.addHook('onRequest', (request, _reply, done) => {
      const asks = request.routeOptions.config.access ?? 'open';
      if (noAuth) request.caller = nobody;
      if (noAuth || asks === 'open') return done();
      const known = quickly(access, request);
      if (known) {
        request.caller = known;
        return done();
      }
      identify(access, request).then(
        (caller) => {
          request.caller = caller;
          done();
        },
        (error: Error) => {
          // A session that has ended takes nothing away from who would be let in without.
          if (asks === 'anyone' && request.headers.authorization === undefined && isUnauthenticated(error)) {
            request.caller = anonymous;
            done();
          } else done(error);
        },
      );
    });
  },
  { name: 'authentication', dependencies: ['access-link', 'guard', 'route-access'] },
);

/** What came last on a connection. */
const shown = Symbol('shown');
type Connection = Socket & { [shown]?: { authorization: string; caller: LiveCaller } | undefined };

/**
 * Most requests come with a key that has just come: as long as nobody gives wrong ones, nothing else is to be done. One that
 * came on the same connection is not hashed again; how long it takes to compare them tells nobody anything but who sends both.
 */
function quickly({ callers, attempts }: Access, { headers, raw }: FastifyRequest): Caller | undefined {
  const { authorization } = headers;
  if (!attempts.isQuiet || authorization === undefined) return undefined;
  const connection: Connection = raw.socket;
  const last = connection[shown];
  if (last?.authorization === authorization && last.caller.isFresh) return last.caller;
  const parts = keyIn(authorization);
  const caller = parts && callers.recent(parts);
  connection[shown] = caller && { authorization, caller };
  return caller;
}

function isUnauthenticated(error: Error): boolean {
  return error instanceof BkgError && error.code === 'UNAUTHENTICATED';
}

/** The key in an Authorization header; undefined for anything else. */
export function keyIn(authorization = ''): KeyParts | undefined {
  const [, text = ''] = bearerPattern.exec(authorization) ?? [];
  return parseKey(text);
}

const bearerPattern = /^bearer +(\S+)$/i;

async function identify(access: Access, request: FastifyRequest): Promise<Caller> {
  const { authorization } = request.headers;
  if (authorization !== undefined) return ofHeader(access, request, authorization);
  const secret = access.cookie.read(request.headers);
  if (secret === undefined) return anonymous;
  assertOwnPage(request);
  const { callers, known } = access;
  // Not before it may be looked at: then nothing is to be computed.
  const session = await attempt(access, request, known.scopeOf('session', secret), secret, () => {
    request.session = hashSecret(secret);
    return callers.ofSession(request.session);
  });
  const caller = accepted('session', session);
  known.note('session', secret);
  return caller;
}

async function ofHeader(access: Access, request: FastifyRequest, authorization: string): Promise<Caller> {
  const parts = keyIn(authorization);
  const { callers, known } = access;
  const scope = known.scopeOf('key', parts?.secret ?? '');
  const found = await attempt(access, request, scope, authorization, async () =>
    parts ? callers.ofKey(parts) : malformed,
  );
  if (found === malformed) {
    throw new BkgError(
      'UNAUTHENTICATED',
      'The Authorization header holds no API key; it takes "Bearer bkg_<prefix>_<secret>".',
    );
  }
  const caller = accepted('key', found);
  if (parts) known.note('key', parts.secret);
  return caller;
}

const malformed: Refusal = { refused: 'unknown' };

function accepted(by: 'key' | 'session', found: Caller | Refusal): Caller {
  if ('refused' in found) throw refusedError(by, found.refused);
  return found;
}

/**
 * Looks whether something is good, unless too many were not.
 * @param scope what of an address is counted together, beside the rest of it
 * @throws BkgError RATE_LIMITED, before anything is computed
 */
export async function attempt<T extends object>(
  { attempts, refusals, addressOf }: Access,
  request: FastifyRequest,
  scope: string,
  given: string,
  look: () => Promise<T>,
): Promise<T> {
  const from = addressOf(request);
  const place = `${neighbourhood(from)} ${scope}`;
  const found = await attempts.try(place, given, look, (value) => !('refused' in value));
  if (found !== undefined) return found;
  refusals.note({
    via: 'http',
    who: whoIs(anonymous),
    from,
    action: 'authenticate',
    target: shownPath(request.url),
    result: 'RATE_LIMITED',
  });
  const retryAfterSecs = wholeSecs(attempts.restMs(place));
  const detail = `Too many wrong keys came from ${from}; try again in ${retryAfterSecs} s.`;
  throw new BkgError('RATE_LIMITED', detail, { retryAfterSecs });
}

/**
 * A browser sends the cookie by itself. What changes something has to come from our own page, and say so; so does a
 * WebSocket, which pages of others may open, too. (An Origin that is there is ours: guard.ts lets no other pass.)
 */
function assertOwnPage({ method, headers }: FastifyRequest): void {
  const { origin, upgrade } = headers;
  const site = headers['sec-fetch-site'];
  const isOfOthers = site !== undefined && site !== 'same-origin' && site !== 'none';
  const isUpgrade = upgrade !== undefined;
  const changes = method !== 'GET' && method !== 'HEAD';
  const isOurs = origin !== undefined || (site === 'same-origin' && !isUpgrade);
  if (!isOfOthers && (isOurs || !(changes || isUpgrade))) return;
  throw new BkgError(
    'FORBIDDEN',
    'A session counts only for requests of the dashboard itself, which a browser marks with Origin or Sec-Fetch-Site; programs send "Authorization: Bearer bkg_…".',
  );
}
