import type {
  DataFrame,
  DroppedFrame,
  ErrorFrame,
  SnapshotFrame,
  SubscribeFrame,
  Topic,
  Topics,
} from '../../protocol/socket.ts';
import type { StateListener } from '../client.ts';
import { errorOf } from '../errors.ts';
import type { InvocationError } from '../errors.ts';
import type { Link } from './link.ts';

export interface SubscriptionRequest<T extends Topic> {
  topic: T;
  /** Only these; of the topic `plugin` exactly one. @default all */
  plugins?: string[];
}

export interface SubscriptionHandlers<T extends Topic> {
  /** First, and again whenever continuity was lost: what was before counts no more. */
  onSnapshot: (snapshot: Topics[T]['snapshot']) => void;
  onData: (data: Topics[T]['data']) => void;
  /** Of `logs`: here so many records are missing, or nobody knows how many. */
  onDropped?: (count: number | null) => void;
  /** Of the connection, at each change: what was said last may be old while it is not `live`. */
  onState?: StateListener;
  /** The gateway refuses it for good; it has ended. @default it goes to the console */
  onError?: (error: InvocationError) => void;
}

interface Subscription {
  request: SubscriptionRequest<Topic>;
  handlers: SubscriptionHandlers<Topic>;
  /** How far it has come, and with which gateway. */
  seen?: { seq: number; gateway: string };
  /** Its listener hears of the connection no more. */
  unwatch?: (() => void) | undefined;
}

/** What is subscribed to, over any number of sockets: after a reconnection each goes on where it was. */
export class Subscriptions {
  readonly #link: Link;
  readonly #open = new Map<string, Subscription>();
  #gateway = '';
  #count = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** @returns ends it */
  add<T extends Topic>(request: SubscriptionRequest<T>, handlers: SubscriptionHandlers<T>): () => void {
    const id = `s${(this.#count += 1)}`;
    const unwatch = handlers.onState && this.#link.state.on(handlers.onState);
    const subscription = { request, handlers, unwatch } as unknown as Subscription;
    this.#open.set(id, subscription);
    this.#subscribe(id, subscription);
    return () => {
      unwatch?.();
      if (this.#open.delete(id)) this.#link.send(JSON.stringify({ op: 'unsubscribe', id }));
    };
  }

  /** To be told of each new connection. */
  resume(gateway: string): void {
    this.#gateway = gateway;
    for (const [id, subscription] of this.#open) this.#subscribe(id, subscription);
  }

  take(frame: SnapshotFrame | DataFrame | DroppedFrame): void {
    const subscription = this.#open.get(frame.id);
    if (!subscription) return;
    const { handlers, seen } = subscription;
    if (frame.type === 'dropped') return handlers.onDropped?.(frame.count);
    // A gateway that resumes may say the last thing again; another one begins with a snapshot.
    if (frame.type === 'data' && seen && frame.seq <= seen.seq) return;
    subscription.seen = { seq: frame.seq, gateway: this.#gateway };
    if (frame.type === 'snapshot') handlers.onSnapshot(frame.snapshot);
    else handlers.onData(frame.data);
  }

  /** @returns false when it is about no subscription */
  refuse({ id = '', problem }: ErrorFrame): boolean {
    const subscription = this.#open.get(id);
    if (!subscription) return false;
    // A gateway that stops refuses whatever is new. Its socket ends too, and the next connection brings this one along.
    if (problem.code === 'PLUGIN_UNAVAILABLE') return true;
    this.#open.delete(id);
    subscription.unwatch?.();
    const { onError = (error) => console.error(error) } = subscription.handlers;
    onError(errorOf(problem));
    return true;
  }

  clear(): void {
    this.#open.clear();
  }

  #subscribe(id: string, { request, seen }: Subscription): void {
    const frame: SubscribeFrame = {
      op: 'subscribe',
      id,
      ...request,
      ...(seen && { after_seq: seen.seq, gateway: seen.gateway }),
    };
    this.#link.send(JSON.stringify(frame));
  }
}
