import type { AuditEvent, BucketLimit, Connection, Logger } from '@bkg/sdk';
import { AuditWriter, Refusals } from '@bkg/sdk/access';
import { delay } from '@bkg/sdk/host';
import { serveBrokerAccess } from './broker-access.ts';
import type { Change } from './contents.ts';
import { KeyEvents } from './key-events.ts';
import { Keys } from './keys.ts';
import { Roles } from './roles.ts';
import { Sessions } from './sessions.ts';
import { SignIns } from './sign-ins.ts';
import { Store } from './store.ts';
import { sweep } from './sweep.ts';
import { Uses } from './uses.ts';

export interface PartsOptions {
  /** With it nats-server is told who a client is. @default it is not */
  issuerSeed?: string;
  /** In ms since the epoch. @default Date.now */
  now?: () => number;
  /** How many keys, roles and sessions there may be. @default 10000, 1000, 10000 */
  most?: { keys?: number; roles?: number; sessions?: number };
  /** How often one key may make sessions and tickets. @default 30 at once, then one in 10 s */
  signIns?: BucketLimit;
  /** Between two looks for keys that have ended. @default 1000 */
  lookEveryMs?: number;
  /** Between two writes of when keys were used. @default 10000 */
  usesEveryMs?: number;
  /** Between two sweeps. @default 60000 */
  sweepEveryMs?: number;
  /** How long the bucket remembers that something was removed. @default 3600000 */
  removalKeptMs?: number;
}

export interface Start {
  connection: Connection;
  instance: string;
  log: Logger;
  signal: AbortSignal;
}

/** What the capabilities work with. */
export interface Parts {
  keys: Keys;
  roles: Roles;
  sessions: Sessions;
  audit: Pick<AuditWriter, 'write'>;
  close: () => Promise<void>;
}

/** Reads the bucket, and starts what happens beside the capabilities. @throws what `Store.open` throws */
export async function startParts(
  { connection, instance, log, signal }: Start,
  options: PartsOptions,
): Promise<Parts> {
  const { now = Date.now, most = {}, removalKeptMs = 3_600_000 } = options;
  const { lookEveryMs = 1_000, usesEveryMs = 10_000, sweepEveryMs = 60_000 } = options;
  // What was there before this instance has not changed.
  let onChange: (change: Change) => void = () => undefined;
  const store = await Store.open({ connection, log, onChange: (change) => onChange(change) }, signal);
  const events = new KeyEvents({ connection, instance, store, now });
  onChange = (change) => events.tell(change);
  const uses = new Uses({ store, log, now });
  const keys = new Keys({ store, uses, now, most: most.keys ?? 10_000 });
  const signIns = new SignIns(options.signIns);
  const sessions = new Sessions({ store, keys, uses, signIns, now, most: most.sessions ?? 10_000 });
  const audit = new AuditWriter({ asker: connection, log });
  const refusals = new Refusals({ write: (event) => audit.write(event) });

  const { issuerSeed } = options;
  const access = issuerSeed ? serveBrokerAccess({ connection, issuerSeed, keys, audit, log }) : undefined;

  const ending = new AbortController();
  const again = (everyMs: number, what: string, work: () => void | Promise<void>): Promise<void> =>
    repeat({
      everyMs,
      work,
      signal: ending.signal,
      onError: (error) => log.warn({ error }, `${what} failed`),
    });
  const loops = [
    again(lookEveryMs, 'the look for keys that have ended', () => events.look()),
    again(usesEveryMs, 'the write of when keys were used', () => uses.flush()),
    again(sweepEveryMs, 'the sweep of what is of no use any more', () =>
      sweep(store, { now: now(), removalKeptMs, signal: ending.signal }),
    ),
  ];
  return {
    keys,
    roles: new Roles(store, most.roles ?? 1_000),
    sessions,
    audit: { write: (event) => (isOfFlood(event) ? refusals.note(event) : audit.write(event)) },
    close: async () => {
      await access?.close();
      ending.abort(new Error('closed'));
      await Promise.all(loops);
      if (connection.connected) await uses.flush();
      refusals.close();
      await audit.close();
      await store.close();
    },
  };
}

/** What anybody can have refused as often as he likes: each written for itself would push out what was done. */
function isOfFlood({ result }: Pick<AuditEvent, 'result'>): boolean {
  return result === 'RATE_LIMITED' || result === 'UNAUTHENTICATED';
}

interface Repeated {
  everyMs: number;
  work: () => void | Promise<void>;
  signal: AbortSignal;
  onError: (error: unknown) => void;
}

/** Until `signal` aborts; jittered by a tenth, so that many instances do not all do it at the same time. */
async function repeat({ everyMs, work, signal, onError }: Repeated): Promise<void> {
  for (;;) {
    // Its one failure is the signal's.
    await delay(everyMs * (0.95 + Math.random() / 10), signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  }
}
