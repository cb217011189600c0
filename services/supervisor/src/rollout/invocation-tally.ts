import { isHeartbeat, jsonOrUndefined, parseEventSubject, subjects } from '@bkg/sdk';
import type { Connection, RolloutInvocations } from '@bkg/sdk';
import type { Subscription } from '@nats-io/nats-core';
import type { Questions } from '../questions.ts';
import { isOurs } from '../stats-poll.ts';
import type { Rollout } from './rollout.ts';

interface Counts {
  requests: number;
  errors: number;
  /** What it still held when it said so while it went. */
  held?: number | undefined;
}

interface Known {
  first: Counts;
  last: Counts;
}

/** A plugin, and its instances that this supervisor manages. */
export interface InstancesOf {
  id: string;
  managed: { has: (instance: string) => boolean };
}

/** Counts the invocations that a plugin's instances answer between two moments, also those of who ends meanwhile. */
export class InvocationTally {
  readonly #id: string;
  readonly #connection: Connection;
  readonly #questions: Pick<Questions, 'ask' | 'mayAsk'>;
  /** Who is there from the beginning; others begin with none. */
  readonly #there = new Set<string>();
  readonly #known = new Map<string, Known>();
  readonly #subscription: Subscription;

  constructor(
    { id, managed }: InstancesOf,
    connection: Connection,
    questions: Pick<Questions, 'ask' | 'mayAsk'>,
  ) {
    this.#id = id;
    this.#connection = connection;
    this.#questions = questions;
    this.#subscription = connection.subscribe(subjects.events('telemetry', id), {
      callback: (error, msg) => {
        const instance = parseEventSubject(msg.subject)?.instance;
        const heartbeat = error ? undefined : jsonOrUndefined(msg.data);
        if (instance === undefined || !isHeartbeat(heartbeat) || isOurs(heartbeat)) return;
        // Anybody may publish events under any name.
        if (!managed.has(instance) && !this.#known.has(instance)) return;
        const { request_count: requests, error_count: errors, in_flight } = heartbeat.telemetry;
        // Its last word is that of one that goes; before that it may hold any number.
        const held = heartbeat.status === 'stopping' ? in_flight : undefined;
        this.#note(instance, { requests, errors, held });
      },
    });
  }

  /** Asks where they begin. @param instances those that are there */
  async begin(instances: readonly string[]): Promise<void> {
    for (const instance of instances) this.#there.add(instance);
    await Promise.all(instances.map((instance) => this.#ask(instance)));
  }

  /**
   * @param instances those that are there
   * @param departed those that went, and whether in order
   * @param selfTests our own invocations, which are left out
   */
  async end(
    instances: readonly string[],
    { departed, selfTests }: Pick<Rollout, 'departed' | 'selfTests'>,
  ): Promise<RolloutInvocations> {
    // What they have said before is read before the answer to this.
    await this.#connection.flush();
    await Promise.all(instances.map((instance) => this.#ask(instance)));
    const all = [...this.#known.values()];
    const sum = (of: (counts: Counts) => number): number =>
      all.reduce((total, { first, last }) => total + Math.max(0, of(last) - of(first)), 0);
    return {
      answered: Math.max(0, sum(({ requests }) => requests) - selfTests.answered),
      failed: Math.max(0, sum(({ errors }) => errors) - selfTests.failed),
      lost: this.#lost(departed),
    };
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #lost(departed: ReadonlyMap<string, boolean>): number | null {
    let lost = 0;
    for (const [instance, inOrder] of departed) {
      const held = this.#known.get(instance)?.last.held;
      // Who ended otherwise, or says nothing of itself, has had no last word.
      if (!inOrder || held === undefined) return null;
      lost += held;
    }
    return lost;
  }

  async #ask(instance: string): Promise<void> {
    if (!this.#questions.mayAsk('STATS', this.#id, instance, true)) return;
    const stats = await this.#questions.ask('STATS', this.#id, instance);
    const counts = stats && countsOf(this.#id, stats['endpoints']);
    if (counts) this.#note(instance, counts);
  }

  #note(instance: string, counts: Counts): void {
    const known = this.#known.get(instance);
    const first = known?.first ?? (this.#there.has(instance) ? counts : none);
    // An answer may be older than the event that came before it.
    if (known && known.last.requests > counts.requests) return;
    this.#known.set(instance, { first, last: { ...counts, held: counts.held ?? known?.last.held } });
  }
}

const none: Counts = { requests: 0, errors: 0 };

/** Of an answer to `$SRV.STATS`, whoever has given it; a service may have endpoints that are nobody's invocations. */
function countsOf(id: string, endpoints: unknown): Counts | undefined {
  if (!Array.isArray(endpoints)) return undefined;
  const own = subjects.invoke(id);
  const counts = { requests: 0, errors: 0 };
  for (const one of endpoints) {
    const { subject, num_requests, num_errors } = Object(one) as Record<string, unknown>;
    if (subject !== own && !String(subject).startsWith(`${own}.`)) continue;
    if (!Number.isSafeInteger(num_requests) || !Number.isSafeInteger(num_errors)) return undefined;
    counts.requests += Number(num_requests);
    counts.errors += Number(num_errors);
  }
  return counts;
}
