import { hostname } from 'node:os';
import { BkgError, buckets, leaseKey } from '@bkg/sdk';
import type { Connection, Lease as LeaseValue, Logger } from '@bkg/sdk';
import { delay, isSameProcess } from '@bkg/sdk/host';
import { Bucket } from './bucket.ts';
import type { Stored } from './bucket.ts';
import { now } from './clock.ts';
import { ownIdentity } from './home-lock.ts';
import type { Timings } from './timings.ts';

export interface LeaseOptions {
  connection: Connection;
  log: Logger;
  timings: Pick<Timings, 'leaseTtlMs' | 'leaseEveryMs' | 'fenceMs'>;
  /** Another supervisor has taken it: this one must end. */
  onLost: (holder: LeaseValue) => void;
}

interface Found extends Stored {
  value: LeaseValue;
}

/**
 * The claim to be the one supervisor that acts. A fence, not an election: nothing may be done once our own renewal is
 * older than `fenceMs`, which is earlier than anybody else may take the lease.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #bucket: Bucket;
  readonly #own: Omit<LeaseValue, 'renewed_at'>;
  readonly #ending = new AbortController();
  /** Of our last write; 0 before the first. */
  #revision = 0;
  /** When the last successful renewal was begun. */
  #renewedAt = -Infinity;
  #renewing: Promise<void> | undefined;
  #failed = false;
  #lost = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#bucket = new Bucket(options.connection, buckets.lease, {
      storage: 'memory',
      history: 1,
      ttl: options.timings.leaseTtlMs,
    });
    const { pid, start } = ownIdentity();
    this.#own = { host: hostname(), pid, process_started: start, epoch: Date.now() };
  }

  /** Whether something may be done now. */
  get isHeld(): boolean {
    return !this.#lost && now() - this.#renewedAt < this.#options.timings.fenceMs;
  }

  /** Waits until nobody else has the lease, and takes it. @throws the reason of `signal` */
  async acquire(signal: AbortSignal): Promise<void> {
    const { log, timings } = this.#options;
    let seen: { revision: number; at: number } | undefined;
    let saidFailure = false;
    for (;;) {
      signal.throwIfAborted();
      try {
        const found = await this.#read();
        if (found && found !== 'removed' && found.revision !== seen?.revision) {
          const { host, pid } = found.value;
          if (!seen && !isGone(found.value)) {
            log.warn({ host, pid }, `the supervisor ${pid} on ${host} acts; this one waits until it is gone`);
          }
          seen = { revision: found.revision, at: now() };
        }
        // A broker that was restarted has forgotten the lease of a holder that may go on for as long as its fence lets it.
        const mayBeHeld = !found && seen !== undefined && now() - seen.at < timings.leaseTtlMs;
        if (found === 'removed' || (!found && !mayBeHeld)) return await this.#write(0);
        if (found && isGone(found.value)) return await this.#write(found.revision);
      } catch (error) {
        if (isConflict(error)) continue;
        if (!saidFailure) log.warn({ error }, 'the lease cannot be read; trying again');
        saidFailure = true;
      }
      await delay(timings.leaseEveryMs / 3, signal);
    }
  }

  /** Renews until `close`. */
  async run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const { leaseEveryMs } = this.#options.timings;
      // Its one failure is the signal's, which ends the loop.
      await delay(this.#failed ? leaseEveryMs / 10 : leaseEveryMs, signal).catch(() => undefined);
      if (!signal.aborted && this.#options.connection.connected) await this.renew();
    }
  }

  /** At once, as after the broker has come back. */
  renew(): Promise<void> {
    return (this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined)));
  }

  close(): void {
    this.#ending.abort(new Error('the lease is given up'));
    this.#renewedAt = -Infinity;
  }

  /** Closes, and lets the next one act at once. */
  async release(): Promise<void> {
    this.close();
    await this.#renewing;
    // Who has only waited for it would take it from who acts.
    const isOurs = this.#revision > 0 && !this.#lost;
    if (!isOurs || !this.#options.connection.connected) return;
    try {
      await this.#bucket.remove(leaseKey, this.#revision);
    } catch (error) {
      this.#options.log.debug({ error }, 'the lease was not removed; it ends by itself');
    }
  }

  async #renew(): Promise<void> {
    const { log, onLost } = this.#options;
    try {
      await this.#write(this.#revision);
      this.#failed = false;
    } catch (error) {
      try {
        const found = await this.#read();
        if (found && found !== 'removed' && !this.#isOwn(found.value)) {
          this.#lost = true;
          this.close();
          onLost(found.value);
        } else {
          // Ours after all, when only the acknowledgement was lost; forgotten, after a restart of the broker.
          await this.#write(found && found !== 'removed' ? found.revision : 0);
        }
        this.#failed = false;
      } catch (second) {
        if (!this.#failed)
          log.warn({ error: second, first: error }, 'the lease could not be renewed; trying again');
        this.#failed = true;
      }
    }
  }

  async #read(): Promise<Found | 'removed' | undefined> {
    return (await this.#bucket.read(leaseKey)) as Found | 'removed' | undefined;
  }

  async #write(revision: number): Promise<void> {
    const startedAt = now();
    const value: LeaseValue = { ...this.#own, renewed_at: new Date().toISOString() };
    this.#revision = await this.#bucket.write(leaseKey, value, revision);
    if (!this.#ending.signal.aborted) this.#renewedAt = startedAt;
  }

  #isOwn({ host, pid, process_started, epoch }: LeaseValue): boolean {
    const own = this.#own;
    return (
      host === own.host && pid === own.pid && process_started === own.process_started && epoch === own.epoch
    );
  }
}

/** A holder on this host can be looked at; any other is waited for. */
function isGone({ host, pid, process_started }: LeaseValue): boolean {
  return host === hostname() && !isSameProcess({ pid, start: process_started });
}

function isConflict(error: unknown): boolean {
  return error instanceof BkgError && error.code === 'CONFLICT';
}
