import type { Msg } from '@nats-io/nats-core';
import { BkgError, configDefaults } from '@bkg/sdk';
import type { RegistryEntry } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { cancelled, endedBy, late } from './explain.ts';
import { HeldCall } from './held-call.ts';
import type { UntakenCall } from './held-call.ts';
import { HeldQueue } from './held-queue.ts';

export interface HeldCallsOptions {
  /** How long one is held at most; never beyond its own deadline. @default 10000 */
  mostMs?: number;
  /** How many are held at most, of all plugins. @default 10000 */
  most?: number;
  /** How large their bodies are at most, together. @default 64 MiB */
  mostBytes?: number;
  /** After this long one is sent again although nothing was heard of an instance. @default 250 */
  retryMs?: number;
}

export interface HeldCallsParts {
  broker: Broker;
  catalog: Catalog;
  /** What it means that nobody takes a call, when it is not held or no longer. */
  unanswered: (call: UntakenCall) => BkgError;
}

/**
 * Invocations of `single_writer` plugins that nobody takes at the moment. Such a plugin is replaced with a pause: the old
 * instance ends before the new one starts. They wait for that instead of failing, and are sent again in their order.
 */
export class HeldCalls {
  readonly #parts: HeldCallsParts;
  readonly #options: Required<HeldCallsOptions>;
  readonly #queues = new Map<string, HeldQueue>();
  #count = 0;
  #bytes = 0;
  #isClosed = false;

  constructor(parts: HeldCallsParts, options: HeldCallsOptions = {}) {
    this.#parts = parts;
    this.#options = { mostMs: 10_000, most: 10_000, mostBytes: 64 * 1024 * 1024, retryMs: 250, ...options };
    parts.catalog.onChange((id) => this.#entryChanged(id));
  }

  /** Ends all that wait, and holds none any more. */
  close(): void {
    this.#isClosed = true;
    for (const queue of this.#queues.values()) this.#endWhatIsOver(queue);
  }

  /** Ends the ones with this id; one that is with an instance is told there. */
  cancel(pluginId: string, invocationId: string): void {
    for (const { call } of this.#queues.get(pluginId)?.waiting() ?? [])
      if (call.invocationId === invocationId) call.controller.abort(cancelled);
  }

  /** @returns its reply, when somebody has taken it. @throws what `send` throws; BkgError that says why it was not held on */
  async run(call: UntakenCall): Promise<Msg> {
    const held = new HeldCall(call, (returned) => this.#endIfOver(returned));
    const refusal = this.#ending(held) ?? this.#overflow(call);
    if (refusal) throw refusal;
    const endIfOver = (): void => this.#endIfOver(held);
    const { signal } = call.controller;
    signal.addEventListener('abort', endIfOver);
    const ms = Math.min(this.#options.mostMs, call.deadlineAt - held.heldAt);
    // Timers may be early by a part of a millisecond.
    const timer = setTimeout(endIfOver, Math.ceil(ms) + 1);
    const queue = this.#hold(held);
    try {
      return await held.reply;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', endIfOver);
      queue.remove(held);
    }
  }

  #hold(held: HeldCall): HeldQueue {
    const { pluginId, body } = held.call;
    this.#count += 1;
    this.#bytes += body.length;
    const queue = this.#queues.get(pluginId);
    queue?.add(held);
    return queue ?? this.#open(held);
  }

  #open(first: HeldCall): HeldQueue {
    const { pluginId } = first.call;
    const queue = new HeldQueue({
      pluginId,
      broker: this.#parts.broker,
      retryMs: this.#options.retryMs,
      mostTaken: () => mostTaken(this.#parts.catalog.get(pluginId)),
      onLeave: ({ call }) => {
        this.#count -= 1;
        this.#bytes -= call.body.length;
        if (queue.size > 0) return;
        queue.close();
        this.#queues.delete(pluginId);
      },
    });
    this.#queues.set(pluginId, queue);
    queue.add(first);
    // Somebody may have come between its first attempt and the subscription to events.
    queue.wake();
    return queue;
  }

  #entryChanged(id: string): void {
    const queue = this.#queues.get(id);
    if (!queue) return;
    this.#endWhatIsOver(queue);
    if (this.#parts.catalog.get(id)?.status === 'running') queue.wake();
  }

  #endWhatIsOver(queue: HeldQueue): void {
    for (const held of queue.waiting()) this.#endIfOver(held);
  }

  #endIfOver(held: HeldCall): void {
    const error = held.isWaiting ? this.#ending(held) : undefined;
    if (error) held.end(error);
  }

  /** Why it is not held, or no longer; undefined while it is. */
  #ending({ call, heldAt }: HeldCall): BkgError | undefined {
    const heldMs = performance.now() - heldAt;
    const error = this.#reason(call, heldMs);
    if (!error || heldMs < 1) return error;
    const detail = `${error.message} It was held for ${Math.round(heldMs)} ms, because nobody took it.`;
    return BkgError.from({ ...error.problem, detail });
  }

  #reason(call: UntakenCall, heldMs: number): BkgError | undefined {
    const { broker: first, catalog, unanswered } = this.#parts;
    const { pluginId, capability, broker, timeoutMs, deadlineAt, controller } = call;
    const { aborted, reason } = controller.signal;
    if (aborted) return endedBy(call, reason);
    if (this.#isClosed) {
      return new BkgError('PLUGIN_UNAVAILABLE', 'The gateway is stopping; the invocation may be sent again.');
    }
    // As whoever comes now.
    if (!broker.connected && !first.connected) return first.awayError();
    if (performance.now() >= deadlineAt) return late(call, timeoutMs);
    const isHeld = heldMs < this.#options.mostMs && mayBeHeld(catalog.get(pluginId), capability);
    return isHeld ? undefined : unanswered(call);
  }

  #overflow(call: UntakenCall): BkgError | undefined {
    const { most, mostBytes } = this.#options;
    if (this.#count < most && this.#bytes + call.body.length <= mostBytes) return undefined;
    const { message } = this.#parts.unanswered(call);
    return new BkgError(
      'PLUGIN_UNAVAILABLE',
      `${message} It was not held, because too much is: ${this.#count} invocations with ${this.#bytes} bytes; ` +
        `a gateway holds at most ${most} with ${mostBytes} bytes.`,
    );
  }
}

/** All that run at a time in one instance, and half of those that wait: the rest is for who comes now. */
function mostTaken(entry: RegistryEntry | undefined): number {
  const { max_concurrency, max_queue } = entry?.config.limits ?? configDefaults.limits;
  return Math.max(1, max_concurrency + Math.floor(max_queue / 2));
}

/** Whether it is to be expected that somebody takes the invocations of a plugin again. */
function mayBeHeld(entry: RegistryEntry | undefined, capability: string): boolean {
  if (entry?.single_writer !== true) return false;
  switch (entry.status) {
    case 'starting':
    case 'stopping':
      // Who stops for good is `stopped` next, and is not waited for any longer.
      return true;
    case 'running':
      return entry.capabilities.some(({ id }) => id === capability);
    case 'error':
      // Between two instances there is none; or the new one has failed, and the old one comes back.
      return entry.rollout?.state === 'running';
    case 'stopped':
      return false;
  }
}
