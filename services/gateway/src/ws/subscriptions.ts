import { BkgError } from '@bkg/sdk';
import type { Topic } from '@bkg/sdk';
import { invalid } from './frame.ts';
import type { Order } from './frame.ts';
import { LogSubscription } from './log-subscription.ts';
import type { MeshTopics } from './mesh-topics.ts';
import type { Outgoing } from './outgoing.ts';
import { StateSubscription } from './state-subscription.ts';

export interface SubscriptionsParts {
  gateway: string;
  topics: MeshTopics;
  outgoing: Outgoing;
  /** There is something to send. */
  wake: () => void;
  /** @default 64 */
  subscriptionsMost?: number;
}

type Subscribe = Order & { op: 'subscribe' };

/** What one client has subscribed to. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  /** How each is ended. */
  readonly #open = new Map<string, () => void>();

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  /** @throws BkgError BUSY */
  begin(order: Subscribe): void {
    const { gateway, subscriptionsMost = 64 } = this.#parts;
    if (this.#open.size >= subscriptionsMost) {
      const detail = `${subscriptionsMost} subscriptions are open on this socket, which is the most; a subscription takes several plugins.`;
      throw new BkgError('BUSY', detail);
    }
    const { id, topic, resume } = order;
    // The numbers of another gateway mean nothing here.
    const afterSeq = resume?.gateway === gateway ? resume.afterSeq : undefined;
    const end =
      topic === 'logs' ? this.#beginLogs(order, afterSeq) : this.#beginStates(order, topic, afterSeq);
    this.#open.set(id, end);
  }

  /** @throws BkgError INVALID_PAYLOAD */
  end(id: string): void {
    const end = this.#open.get(id);
    if (!end) throw invalid('/id', `names no open subscription: "${id}"`);
    this.#open.delete(id);
    end();
  }

  endAll(): void {
    for (const end of this.#open.values()) end();
    this.#open.clear();
  }

  #beginStates(
    { id, plugins }: Subscribe,
    name: Exclude<Topic, 'logs'>,
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

  #beginLogs({ id, plugins, resume }: Subscribe, afterSeq: number | undefined): () => void {
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
