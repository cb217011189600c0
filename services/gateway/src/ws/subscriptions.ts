import { BkgError } from '@bkg/sdk';
import type { Topic } from '@bkg/sdk';
import { assertAllowed } from '../access/caller.ts';
import type { Caller } from '../access/caller.ts';
import type { PluginFilter } from './audience.ts';
import { invalid } from './frame.ts';
import type { Order } from './frame.ts';
import { LogSubscription } from './log-subscription.ts';
import type { MeshTopics } from './mesh-topics.ts';
import type { Outgoing } from './outgoing.ts';
import { StateSubscription } from './state-subscription.ts';

export interface SubscriptionsParts {
  gateway: string;
  caller: Caller;
  topics: MeshTopics;
  outgoing: Outgoing;
  /** There is something to send. */
  wake: () => void;
  /** What was allowed is so no more; it has ended. */
  onTaken: (order: Subscribe, why: BkgError) => void;
  /** @default 64 */
  subscriptionsMost?: number;
}

export type Subscribe = Order & { op: 'subscribe' };

interface Open {
  order: Subscribe;
  /** Those it is about, as far as the caller may see them; undefined for all. */
  plugins: PluginFilter;
  end: () => void;
}

/** What one client has subscribed to. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  readonly #open = new Map<string, Open>();

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  /** @throws BkgError BUSY, FORBIDDEN */
  begin(order: Subscribe): void {
    const { subscriptionsMost = 64 } = this.#parts;
    if (this.#open.size >= subscriptionsMost) {
      const detail = `${subscriptionsMost} subscriptions are open on this socket, which is the most; a subscription takes several plugins.`;
      throw new BkgError('BUSY', detail);
    }
    this.#begin(order, this.#visible(order));
  }

  /** The caller may do something else than before: what it may see no more ends, what it sees otherwise begins anew. */
  review(): void {
    for (const [id, { order, plugins, end }] of [...this.#open]) {
      try {
        const visible = this.#visible(order);
        if (isSame(visible, plugins)) continue;
        end();
        // Greater than all that it has got.
        this.#parts.topics.sequence.next();
        this.#begin({ ...order, resume: undefined }, visible);
      } catch (error) {
        if (!(error instanceof BkgError)) throw error;
        this.#open.delete(id);
        end();
        this.#parts.onTaken(order, error);
      }
    }
  }

  /** @throws BkgError INVALID_PAYLOAD */
  end(id: string): void {
    const open = this.#open.get(id);
    if (!open) throw invalid('/id', `names no open subscription: "${id}"`);
    this.#open.delete(id);
    open.end();
  }

  endAll(): void {
    for (const { end } of this.#open.values()) end();
    this.#open.clear();
  }

  /** The plugins that it is about; undefined for all. @throws BkgError FORBIDDEN */
  #visible({ plugins }: Subscribe): PluginFilter {
    const { caller } = this.#parts;
    for (const plugin of plugins ?? []) assertAllowed(caller, { verb: 'read', plugin });
    if (plugins) return plugins;
    assertAllowed(caller, { verb: 'read' });
    return caller.readable();
  }

  #begin(order: Subscribe, plugins: PluginFilter): void {
    const { id, topic } = order;
    const afterSeq = this.#afterSeq(order);
    const end =
      topic === 'logs'
        ? this.#beginLogs(order, plugins, afterSeq)
        : this.#beginStates(id, topic, plugins, afterSeq);
    this.#open.set(id, { order, plugins, end });
  }

  /** What the client has of it; undefined for nothing that would be of use. */
  #afterSeq({ topic, plugins, resume }: Subscribe): number | undefined {
    const { gateway, caller, topics } = this.#parts;
    const since = topics.horizons.of(caller);
    // The numbers of another gateway mean nothing here.
    if (resume?.gateway !== gateway) return undefined;
    const isOfAll = plugins === undefined && topic !== 'logs';
    return isOfAll && resume.afterSeq < since ? undefined : resume.afterSeq;
  }

  #beginStates(
    id: string,
    name: Exclude<Topic, 'logs'>,
    plugins: PluginFilter,
    afterSeq: number | undefined,
  ): () => void {
    const { topics, outgoing, wake } = this.#parts;
    const topic = topics.states[name];
    const { sequence } = topics;
    const follower = {
      wake: () => {
        outgoing.state(subscription);
        wake();
      },
    };
    const look = topics.telemetry.watch(plugins, follower.wake);
    const isReady = (): boolean => look.isLoaded;
    const subscription = new StateSubscription({ id, name, topic, plugins, sequence, afterSeq, isReady });
    const leave = topic.follow(plugins, follower);
    follower.wake();
    return () => {
      leave();
      look.end();
      outgoing.forgetState(subscription);
    };
  }

  #beginLogs({ id, resume }: Subscribe, plugins: PluginFilter, afterSeq: number | undefined): () => void {
    const { topics, outgoing, wake } = this.#parts;
    const subscription = new LogSubscription(id);
    const push = (seq: number, body: Buffer | undefined): void => {
      outgoing.logs.push({ subscription, seq, body });
      wake();
    };
    const follower = {
      begin: (seq: number) => {
        outgoing.answer(subscription.snapshot(seq));
        // What it has missed since it was here nobody can tell.
        if (resume) outgoing.answer(subscription.dropped(null));
        wake();
      },
      line: ({ seq, body }: { seq: number; body: Buffer }) => push(seq, body),
      gap: (seq: number) => push(seq, undefined),
    };
    const leave = topics.logs.follow(plugins, follower, afterSeq);
    return () => {
      leave();
      outgoing.logs.forget(subscription);
    };
  }
}

function isSame(a: PluginFilter, b: PluginFilter): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && a.size === b.size && [...a].every((id) => b.has(id));
}
