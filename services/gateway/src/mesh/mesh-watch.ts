import type { KvWatchEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import fp from 'fastify-plugin';
import { buckets, jsonOrUndefined, leaseKey, leaseStaleMs } from '@bkg/sdk';
import type { Lease, Logger } from '@bkg/sdk';
import type { Broker } from './broker.ts';
import { BucketWatch } from './bucket-watch.ts';
import { Catalog } from './catalog.ts';
import { readRegistryEntry } from './registry-entry.ts';

declare module 'fastify' {
  interface FastifyInstance {
    catalog: Catalog;
  }
}

export interface MeshWatchOptions {
  log: Logger;
  /** How long a plugin that is missing in the registry is still shown. @default 5000 */
  settleMs?: number;
}

const sweepEveryMs = 15_000;
/** How often a silent supervisor is looked for again: it may be our watch that is dead. */
const lookAgainMs = 5_000;

/**
 * Decorates `catalog` and keeps it up to date from the registry's bucket and the supervisor's lease, so that nothing has
 * to be asked for when an invocation comes.
 */
export const meshWatch = fp<MeshWatchOptions>(
  async (app, { log, settleMs = 5_000 }) => {
    const { broker } = app;
    const catalog = new Catalog();
    app.decorate('catalog', catalog);
    let watch: MeshWatch | undefined;
    const follow = (connected: boolean): void => {
      if (!connected) catalog.away();
      else if (watch) watch.readAgain();
      else if (broker.nats) watch = new MeshWatch({ broker, nats: broker.nats, catalog, log, settleMs });
    };
    const unhear = broker.onStatus(follow);
    if (broker.connected) follow(true);
    app.addHook('onClose', async () => {
      // The broker is closed later, and may come until then.
      unhear();
      watch?.close();
    });
  },
  { name: 'mesh-watch', dependencies: ['broker-link'] },
);

interface MeshWatchParts {
  broker: Broker;
  nats: NatsConnection;
  catalog: Catalog;
  log: Logger;
  settleMs: number;
}

class MeshWatch {
  readonly #parts: MeshWatchParts;
  readonly #registry: BucketWatch;
  readonly #lease: BucketWatch;
  readonly #sweep: NodeJS.Timeout;
  #settle: NodeJS.Timeout | undefined;
  #overdue: NodeJS.Timeout | undefined;
  #leaseIsFirst = true;
  #supervisorIsSilent = false;
  #epoch: number | undefined;

  constructor(parts: MeshWatchParts) {
    const { nats, catalog, log } = parts;
    this.#parts = parts;
    this.#sweep = setInterval(() => catalog.telemetry.sweep(), sweepEveryMs).unref();
    this.#registry = new BucketWatch({
      bucket: buckets.registry,
      nats,
      log,
      onBegin: () => catalog.begin(),
      onEntry: (kv) => this.#takeEntry(kv),
      onComplete: () => this.#completed(),
    });
    this.#lease = new BucketWatch({
      bucket: buckets.lease,
      nats,
      log,
      onBegin: () => (this.#leaseIsFirst = true),
      onEntry: (kv) => this.#takeLease(kv),
      onComplete: () => undefined,
    });
    this.#expectLease(leaseStaleMs + 1);
  }

  readAgain(): void {
    this.#registry.restart();
    this.#lease.restart();
  }

  close(): void {
    clearInterval(this.#sweep);
    clearTimeout(this.#settle);
    clearTimeout(this.#overdue);
    this.#registry.close();
    this.#lease.close();
  }

  #takeEntry(kv: KvWatchEntry): void {
    const { catalog, log } = this.#parts;
    if (kv.operation !== 'PUT') return catalog.remove(kv.key);
    const entry = readRegistryEntry(jsonOrUndefined(kv.value));
    if (entry?.id === kv.key) catalog.put(entry);
    else log.error({ key: kv.key, revision: kv.revision }, 'the registry holds something that is no entry');
  }

  #completed(): void {
    const { catalog, log, settleMs } = this.#parts;
    catalog.complete();
    log.info({ plugins: catalog.size }, 'the registry is read');
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => catalog.settle(), settleMs).unref();
  }

  #takeLease(kv: KvWatchEntry): void {
    if (kv.key !== leaseKey || kv.operation !== 'PUT') return;
    const { catalog, log } = this.#parts;
    // The first may have lain there for long; when the others arrive our own clock says.
    catalog.leaseRenewed(this.#leaseIsFirst ? kv.created.getTime() : Date.now());
    this.#leaseIsFirst = false;
    if (catalog.leaseIsStale) return;
    const { epoch } = Object(jsonOrUndefined(kv.value)) as Partial<Lease>;
    const isAnother = this.#epoch !== undefined && epoch !== this.#epoch;
    this.#epoch = epoch;
    // A new supervisor may have made the bucket anew, which its watch does not notice.
    if (isAnother || this.#supervisorIsSilent) this.#registry.restart();
    if (this.#supervisorIsSilent) log.info('the supervisor is back');
    this.#supervisorIsSilent = false;
    this.#expectLease(leaseStaleMs + 1);
  }

  #expectLease(withinMs: number): void {
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => this.#leaseOverdue(), withinMs).unref();
  }

  #leaseOverdue(): void {
    const { broker, catalog, log } = this.#parts;
    if (broker.connected) {
      if (!this.#supervisorIsSilent) log.warn('the supervisor is silent');
      this.#supervisorIsSilent = true;
      this.#lease.restart();
    }
    catalog.leaseOverdue();
    this.#expectLease(lookAgainMs);
  }
}
