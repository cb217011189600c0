/** Takes messages on the invoke subjects to their one answer: in the order of PROTOCOL.md, "Invocation". */
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { Failure, headersOf, problemOf } from './failure.mjs';
import { Flows } from './flows.mjs';
import { Places } from './places.mjs';
import { asksForInbox, contentTypeOf, headerOf, headersIn, payloadOf } from './request.mjs';
import { ReplyStream } from './streams.mjs';
import { inOnePiece, tooLarge, Upload } from './uploads.mjs';

export class Invocations {
  #plugin;
  #instance;
  #nats;
  #flows;
  #statistics;
  #log;
  #mostMs;
  #mostUploadBytes;
  #places;
  /** What ends an invocation early, by its id: from its arrival until its answer. */
  #held = new Map();
  /** Some handlers go on after their answer was due. */
  #handlers = new Set();

  /** @param config the parts `resources` and `limits` of a PluginConfig, each of which may be missing */
  constructor({ plugin, instance, config, nats, statistics, log }) {
    this.#plugin = plugin;
    this.#instance = instance;
    this.#nats = nats;
    this.#flows = new Flows(nats, `plugin.${plugin.id}.flow.${instance}`);
    this.#statistics = statistics;
    this.#log = log;
    this.#mostMs = (config.resources?.timeout_secs ?? 30) * 1_000;
    this.#mostUploadBytes = (config.limits?.max_upload_mb ?? 256) * 1_048_576;
    this.#places = new Places(config.limits);
  }

  get inFlight() {
    return this.#held.size;
  }

  /** Of these, how many wait for a place. */
  get waiting() {
    return this.#places.waiting;
  }

  holds(invocationId) {
    return this.#held.has(invocationId);
  }

  cancel(invocationId) {
    this.#held.get(invocationId)?.(new Failure('CANCELLED', 'The invocation was cancelled.'));
  }

  abortAll(failure) {
    for (const end of this.#held.values()) end(failure);
  }

  /** @returns whether everything is answered and every handler has ended, within this time */
  async settled(withinMs) {
    const until = performance.now() + withinMs;
    const isBusy = () => this.#handlers.size > 0 || this.#held.size > 0;
    while (isBusy() && performance.now() < until) await wait(10);
    return !isBusy();
  }

  async accept(message) {
    if (!asksForInbox(message)) return;
    const arrivedAt = performance.now();
    // `plugin.<id>.invoke.<capability>`, or `plugin.<id>.at.<instance>.invoke.<capability>`.
    const tokens = message.subject.split('.');
    const name = tokens.slice(tokens[2] === 'at' ? 5 : 3).join('.');
    const capability = Object.hasOwn(this.#plugin.capabilities, name)
      ? this.#plugin.capabilities[name]
      : undefined;
    const invocationId = headerOf(message, 'Bkg-Invocation-Id') ?? randomBytes(16).toString('hex');
    const isRunning = this.#held.has(invocationId);
    const early = Promise.withResolvers();
    const controller = new AbortController();
    const { signal } = controller;
    const end = (failure) => {
      controller.abort(failure);
      early.reject(failure);
    };
    if (!isRunning) this.#held.set(invocationId, end);
    /** What is open of it: `stream` when its answer comes in chunks, `upload` when its payload does. */
    const open = {};
    let timer;
    let failure;
    try {
      if (isRunning) throw new Failure('CONFLICT', 'An invocation with this id is running.');
      const { timeoutMs = this.#mostMs, window, upload } = headersIn(message, capability?.inputType);
      const ms = Math.min(timeoutMs, this.#mostMs);
      timer = setTimeout(
        end,
        ms,
        new Failure('DEADLINE_EXCEEDED', `${name} did not answer within ${ms} ms.`),
      );
      if (!capability) throw this.#unknown(name);
      if (upload) open.upload = this.#upload(message, capability, upload, end);
      const [nats, flows, reply] = [this.#nats, this.#flows, message.reply];
      if (capability.stream && window !== undefined && reply)
        open.stream = new ReplyStream({ nats, flows, reply, window, end });
      const output = await Promise.race([this.#run(message, capability, open, signal), early.promise]);
      this.#answer(message, open, this.#encoded(name, output));
    } catch (error) {
      failure = problemOf(error, capability?.errors);
      if (failure.code === 'INTERNAL') this.#log('error', `${name} failed: ${error.stack ?? error}`);
      const busy = failure.code === 'BUSY' && { 'Bkg-Instance': this.#instance };
      this.#answer(message, open, JSON.stringify(failure), { ...headersOf(failure), ...busy });
    } finally {
      clearTimeout(timer);
      early.promise.catch(ignore);
      open.upload?.close();
      if (!isRunning) this.#held.delete(invocationId);
      const error = failure && `${failure.code}: ${failure.detail}`;
      this.#statistics.count(name, performance.now() - arrivedAt, error);
    }
  }

  #unknown(name) {
    const { id, capabilities } = this.#plugin;
    const known = Object.keys(capabilities).join(', ');
    return new Failure(
      'CAPABILITY_NOT_FOUND',
      `${id} has no capability "${name.slice(0, 64)}"; it has ${known}.`,
    );
  }

  #upload(message, capability, { sizeBytes }, end) {
    if (!capability.upload) throw tooLarge(this.#nats.info.max_payload);
    const mostBytes = this.#mostUploadBytes;
    if (sizeBytes > mostBytes) throw tooLarge(mostBytes);
    const [nats, flows, to] = [this.#nats, this.#flows, headerOf(message, 'Bkg-Flow')];
    const contentType = contentTypeOf(message, capability.inputType);
    return new Upload({ nats, flows, to, contentType, sizeBytes, mostBytes, end });
  }

  async #run(message, capability, { stream, upload }, signal) {
    await this.#places.take(signal);
    const work = this.#handle(message, capability, stream, upload, signal);
    const handler = work.then(ignore, ignore).finally(() => {
      this.#handlers.delete(handler);
      this.#places.give();
    });
    this.#handlers.add(handler);
    return work;
  }

  async #handle(message, capability, stream, upload, signal) {
    signal.throwIfAborted();
    const bytes = capability.inputType && (upload ?? inOnePiece(message.body));
    const payload = bytes || payloadOf(message, capability);
    const result = capability.run(payload, { signal });
    return capability.stream ? streamed(result, stream, signal) : result;
  }

  #encoded(capability, output) {
    const text = JSON.stringify(output);
    if (text !== undefined && Buffer.byteLength(text) <= this.#nats.info.max_payload) return text;
    throw new Failure(
      'INVALID_OUTPUT',
      `The result of ${capability} is no JSON, or more than the broker takes.`,
    );
  }

  #answer(message, { stream }, body, headers) {
    const send = stream ? stream.finish : (...answer) => this.#nats.publish(message.reply, ...answer);
    if (message.reply && !send(body, { headers }))
      this.#log('error', 'an answer was lost: the broker is away');
  }
}

/** Takes chunk after chunk from a generator, as fast as the caller reads. Without a stream only what it returns is wanted. */
async function streamed(generator, stream, signal) {
  try {
    for (;;) {
      const { value, done } = await generator.next();
      if (done) return value;
      if (stream) await stream.write(value);
      // Deadline, heartbeat and other invocations have their turn, however much it gives.
      else await nextTurn();
      signal.throwIfAborted();
    }
  } finally {
    // It may have more to give, and something to clean up.
    await generator.return();
  }
}

function ignore() {}
