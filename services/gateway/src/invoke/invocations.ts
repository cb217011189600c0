import type { Msg } from '@nats-io/nats-core';
import fp from 'fastify-plugin';
import { answerGraceMs, BkgError, configDefaults, jsonContentType, Upload } from '@bkg/sdk';
import type { ReplyStream, RequestOptions } from '@bkg/sdk';
import type { Abortable } from './abort.ts';
import { Attempt } from './attempt.ts';
import type { Broker } from '../mesh/broker.ts';
import type { Call } from './call.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { ChunkPlace, ChunkRoom } from './chunk-room.ts';
import { Delivery } from './delivery.ts';
import { cancelled, endedBy, explain, late, stopping } from './explain.ts';
import type { UntakenCall } from './held-call.ts';
import { HeldCalls } from './held-calls.ts';
import type { HeldCallsOptions } from './held-calls.ts';
import { InstanceChoice } from './instance-choice.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import { StreamedCall } from './streamed-call.ts';
import { whyUnanswered } from './why-unanswered.ts';

declare module 'fastify' {
  interface FastifyInstance {
    invocations: Invocations;
  }
}

export interface StreamOptions {
  /** Chunks that may come before the first is read. @default as many as there is room for, however large they are */
  window?: number;
  /** What waits of it counts in these too. */
  rooms?: readonly ChunkRoom[];
}

export interface InvocationsOptions {
  hold?: HeldCallsOptions;
  /** Chunks that wait for all clients together; beyond, one of their streams ends. @default 128 MiB */
  chunksMostBytes?: number;
}

/** For the connection of a plugin to be there; it takes a few ms. */
const laneMostMs = 2_000;

/**
 * Everything that is being invoked through this gateway: one request on the broker each, with nothing but the limits before it once
 * the connection for its plugin is there; those of a `single_writer` plugin that nobody takes are held, and sent again.
 */
export class Invocations {
  readonly #broker: Broker;
  readonly #catalog: Catalog;
  readonly #limits: RateLimits;
  readonly #lanes: Lanes;
  /** What waits for the connection of its plugin. */
  readonly #early = new Set<{ call: Call; controller: Abortable }>();
  readonly #held: HeldCalls;
  readonly #delivery: Delivery;
  /** For the chunks of all streams. */
  readonly #room: ChunkRoom;

  constructor(broker: Broker, catalog: Catalog, limits: RateLimits, options: InvocationsOptions = {}) {
    const { hold, chunksMostBytes = 128 * 1024 * 1024 } = options;
    this.#broker = broker;
    this.#catalog = catalog;
    this.#limits = limits;
    this.#lanes = new Lanes({ broker, catalog });
    const nobody = (call: UntakenCall): BkgError => whyUnanswered(broker, catalog, call);
    this.#held = new HeldCalls({ broker, catalog, unanswered: nobody }, hold);
    this.#room = new ChunkRoom('all clients', chunksMostBytes);
    this.#delivery = new Delivery({ held: this.#held, choice: new InstanceChoice({ catalog }) });
  }

  /** Streams that may have chunks waiting here. */
  get streams(): number {
    return this.#room.streams;
  }

  /** What waits of them. */
  get waitingBytes(): number {
    return this.#room.bytes;
  }

  /** Ends all that is running. */
  cutOff(): void {
    this.#held.close();
    for (const { controller } of this.#early) controller.abort(stopping);
    this.#lanes.cutOff(stopping);
  }

  /**
   * @param controller aborted by the caller who has lost interest, and by this when the gateway stops or the broker has
   *   lost the invocation: one for all, because joining signals costs more than the rest of this
   * @returns the reply, which may be a failure
   * @throws BkgError when there is no reply; RATE_LIMITED before it is sent
   */
  async run(call: Call, controller: Abortable): Promise<Msg> {
    const lane = this.#lanes.ready(call.pluginId);
    const attempt = lane ? this.#begin(call, controller, lane) : await this.#beginLater(call, controller);
    try {
      return await this.#delivery.answer(attempt, (subject, timeoutMs) =>
        attempt.lane.broker.request(subject, call.body, this.#requestOf(attempt, timeoutMs)),
      );
    } finally {
      this.#end(attempt);
    }
  }

  /**
   * The same for an answer that may come as chunks: no more of them are under way than its reader takes. What `run` throws
   * is thrown where it is read, and so is what ends it in the middle. One that finds nobody is held likewise.
   * @param controller as for `run`; also aborted when the reader leaves
   */
  stream(call: Call, controller: Abortable, { window, rooms = [] }: StreamOptions = {}): StreamedCall {
    const place = new ChunkPlace([...rooms, this.#room], (why) => controller.abort(why));
    let attempt: Attempt | undefined;
    const open = async (): Promise<ReplyStream> => {
      // Its first chunk would end one that others are in the middle of.
      if (!this.#room.hasPlace) throw crowded(this.#room);
      const lane = this.#lanes.ready(call.pluginId);
      const begun = lane ? this.#begin(call, controller, lane) : await this.#beginLater(call, controller);
      attempt = begun;
      try {
        await this.#delivery.answer(begun, (subject, timeoutMs) =>
          this.#firstOf(begun, subject, timeoutMs, place, window),
        );
        return this.#followed(begun);
      } catch (error) {
        this.#end(begun);
        throw error;
      }
    };
    return new StreamedCall({
      opened: open(),
      explain: (error) => (attempt ? explain(attempt, error) : error),
      deadlineAt: () => attempt?.deadlineAt,
      giveUp: (why) => {
        if (attempt && !attempt.hasEnded) controller.abort(why);
      },
      release: () => place.leave(),
    });
  }

  /** Ends an invocation, wherever it is, whoever has sent it. @returns false when the broker is away */
  cancel(pluginId: string, invocationId: string): boolean {
    this.#held.cancel(pluginId, invocationId);
    for (const { call, controller } of this.#early)
      if (call.pluginId === pluginId && call.invocationId === invocationId) controller.abort(cancelled);
    return this.#lanes.cancel(pluginId, invocationId);
  }

  /** The same as `#begin`, when the connection is there. */
  async #beginLater(call: Call, controller: Abortable): Promise<Attempt> {
    const since = performance.now();
    const early = { call, controller };
    this.#early.add(early);
    try {
      const timeoutMs = this.#timeoutMs(call);
      const lane = await this.#lanes.open(call.pluginId, Math.min(laneMostMs, timeoutMs), controller.signal);
      const waitedMs = Math.round(performance.now() - since);
      if (!controller.signal.aborted) {
        if (waitedMs >= timeoutMs) throw late(call, timeoutMs);
        if (!lane.broker.connected) throw (this.#broker.connected ? lane.broker : this.#broker).awayError();
      }
      return this.#begin(call, controller, lane, waitedMs);
    } finally {
      this.#early.delete(early);
    }
  }

  /** Before it is sent. @throws BkgError RATE_LIMITED, CANCELLED, PLUGIN_UNAVAILABLE */
  #begin(call: Call, controller: Abortable, lane: Lane, waitedMs = 0): Attempt {
    const { aborted, reason } = controller.signal;
    if (aborted) throw endedBy(call, reason);
    this.#charge(call, lane);
    const { pluginId, upload: source } = call;
    const attempt = new Attempt({
      call,
      lane,
      contentType: this.#contentTypeOf(call),
      timeoutMs: this.#timeoutMs(call),
      waitedMs,
      controller,
      upload: source && new Upload(pluginId, lane.broker, source, (error) => controller.abort(error)),
      isIdempotent: this.#isIdempotent,
    });
    lane.enter();
    lane.running.add(attempt.running);
    return attempt;
  }

  #end(attempt: Attempt): void {
    const { lane, running, upload } = attempt;
    attempt.hasEnded = true;
    upload?.close();
    lane.running.delete(running);
    lane.leave();
  }

  /** @throws BkgError RATE_LIMITED */
  #charge(call: Call, { broker }: Lane): void {
    // While the broker is away nothing gets through: that is what is said then, and costs nothing.
    const charge = broker.connected ? this.#limits.charge(call) : undefined;
    if (!charge) return;
    call.onCharge?.(charge);
    if (charge.refusal) throw charge.refusal;
  }

  #requestOf(
    attempt: Attempt,
    timeoutMs: number,
  ): Pick<RequestOptions, 'timeoutMs' | 'signal' | 'headers' | 'onSend'> {
    return {
      timeoutMs: timeoutMs + answerGraceMs,
      signal: attempt.controller.signal,
      headers: attempt.headers(timeoutMs),
      onSend: attempt.running.onSend,
    };
  }

  /** Opens a stream. @returns its first message */
  async #firstOf(
    attempt: Attempt,
    subject: string,
    timeoutMs: number,
    place: ChunkPlace,
    window = Infinity,
  ): Promise<Msg> {
    const { call, lane, stream: before } = attempt;
    const stream = lane.broker.requestStream(subject, call.body, {
      ...this.#requestOf(attempt, timeoutMs),
      plugin: call.pluginId,
      window: Math.min(window, place.firstWindow),
      windowBytes: () => place.windowBytes,
      onWaiting: (change) => place.count(change),
    });
    attempt.stream = stream;
    try {
      return await stream.first;
    } catch (error) {
      // What has answered before counts, when this is about a second try.
      attempt.stream = before;
      throw error;
    }
  }

  /** Its stream, which is looked after until it ends. */
  #followed(attempt: Attempt): ReplyStream {
    const { call, stream } = attempt;
    if (!stream) throw new Error(`${call.capability} of ${call.pluginId} was answered without a stream.`);
    // It is not sent again, and may be large.
    if (stream.hasBegun) call.body = nothing;
    stream.last.then(
      () => this.#end(attempt),
      () => {
        // Whoever reads it gets the error; whoever sends it need not go on.
        attempt.lane.cancel(call.pluginId, call.invocationId);
        this.#end(attempt);
      },
    );
    return stream;
  }

  #timeoutMs({ pluginId, timeoutMs }: Call): number {
    const { resources } = this.#catalog.get(pluginId)?.config ?? configDefaults;
    const mostMs = resources.timeout_secs * 1_000;
    return timeoutMs === undefined ? mostMs : Math.min(timeoutMs, mostMs);
  }

  readonly #isIdempotent = ({ pluginId, capability }: Call): boolean =>
    this.#catalog.capability(pluginId, capability)?.idempotent ?? false;

  /** Without one JSON is meant, but where bytes are taken. */
  #contentTypeOf({ pluginId, capability, contentType }: Call): string | undefined {
    if (contentType !== jsonContentType) return contentType;
    const takesBytes = this.#catalog.capability(pluginId, capability)?.input_type !== undefined;
    return takesBytes ? contentType : undefined;
  }
}

const nothing = new Uint8Array(0);

function crowded({ bytes, streams }: ChunkRoom): BkgError {
  return new BkgError(
    'BUSY',
    `${bytes} bytes of ${streams} streams wait for clients that are slow, and this gateway keeps no more: try again later, or at another one.`,
  );
}

/** Decorates `invocations`, one for HTTP and `/ws`: what the broker has lost is asked for once for both. */
export const invocations = fp<InvocationsOptions>(
  async (app, options) => {
    app.decorate('invocations', new Invocations(app.broker, app.catalog, app.rateLimits, options));
    app.cutOff.addEventListener('abort', () => app.invocations.cutOff());
    app.addHook('onClose', async () => app.invocations.cutOff());
  },
  { name: 'invocations', dependencies: ['mesh-watch', 'limits', 'shutdown'] },
);
