/** Takes messages on the invoke subjects to their one answer: in the order of PROTOCOL.md, "Invocation". */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Failure, headersOf, problemOf } from './failure.mjs';

/** Strict: by default a wrong byte becomes a replacement character, and passes as what was sent. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Invocations {
  #plugin;
  #nats;
  #statistics;
  #log;
  #mostMs;
  #mostHeld;
  /** What ends an invocation early, by its id: from its arrival until its answer. */
  #held = new Map();
  /** Some handlers go on after their answer was due. */
  #handlers = new Set();

  /** @param config the parts `resources` and `limits` of a PluginConfig, each of which may be missing */
  constructor({ plugin, config, nats, statistics, log }) {
    const { max_concurrency = 64, max_queue = 1_024 } = config.limits ?? {};
    this.#plugin = plugin;
    this.#nats = nats;
    this.#statistics = statistics;
    this.#log = log;
    this.#mostMs = (config.resources?.timeout_secs ?? 30) * 1_000;
    // All run at once, which is right for what waits and not for what computes.
    this.#mostHeld = max_concurrency + max_queue;
  }

  get inFlight() {
    return this.#held.size;
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
    // Who asks names the subject of the answer; a plugin must not be made to publish anywhere else.
    if (message.reply && !message.reply.startsWith('_INBOX.')) return;
    const arrivedAt = performance.now();
    // `plugin.<id>.invoke.<capability>`, or `plugin.<id>.at.<instance>.invoke.<capability>`.
    const tokens = message.subject.split('.');
    const capability = tokens.slice(tokens[2] === 'at' ? 5 : 3).join('.');
    const invocationId = headerOf(message, 'Bkg-Invocation-Id') ?? randomBytes(16).toString('hex');
    const isRunning = this.#held.has(invocationId);
    const early = Promise.withResolvers();
    const controller = new AbortController();
    const end = (failure) => {
      controller.abort(failure);
      early.reject(failure);
    };
    if (!isRunning) this.#held.set(invocationId, end);
    let timer;
    let failure;
    try {
      if (isRunning) throw new Failure('CONFLICT', 'An invocation with this id is running.');
      const ms = Math.min(timeoutOf(message) ?? this.#mostMs, this.#mostMs);
      timer = setTimeout(
        end,
        ms,
        new Failure('DEADLINE_EXCEEDED', `${capability} did not answer within ${ms} ms.`),
      );
      const work = this.#run(message, capability, controller.signal);
      this.#answer(message, this.#encoded(capability, await Promise.race([work, early.promise])));
    } catch (error) {
      failure = problemOf(error, this.#plugin.capabilities[capability]?.errors);
      if (failure.code === 'INTERNAL') this.#log('error', `${capability} failed: ${error.stack ?? error}`);
      this.#answer(message, JSON.stringify(failure), headersOf(failure));
    } finally {
      clearTimeout(timer);
      early.promise.catch(ignore);
      if (!isRunning) this.#held.delete(invocationId);
      const error = failure && `${failure.code}: ${failure.detail}`;
      this.#statistics.count(capability, performance.now() - arrivedAt, error);
    }
  }

  async #run(message, name, signal) {
    const { id, capabilities } = this.#plugin;
    if (!Object.hasOwn(capabilities, name)) {
      const known = Object.keys(capabilities).join(', ');
      throw new Failure(
        'CAPABILITY_NOT_FOUND',
        `${id} has no capability "${name.slice(0, 64)}"; it has ${known}.`,
      );
    }
    if (this.#handlers.size >= this.#mostHeld) throw new Failure('BUSY', `${id} has too much to do.`);
    const payload = payloadOf(message, capabilities[name]);
    const work = Promise.try(capabilities[name].run, payload, { signal });
    const handler = work.then(ignore, ignore).finally(() => this.#handlers.delete(handler));
    this.#handlers.add(handler);
    return work;
  }

  #encoded(capability, output) {
    const text = JSON.stringify(output);
    if (text !== undefined && Buffer.byteLength(text) <= this.#nats.info.max_payload) return text;
    throw new Failure(
      'INVALID_OUTPUT',
      `The result of ${capability} is no JSON, or more than the broker takes.`,
    );
  }

  #answer(message, body, headers) {
    if (message.reply && !this.#nats.publish(message.reply, body, { headers }))
      this.#log('error', 'an answer was lost: the broker is away');
  }
}

function headerOf(message, name) {
  return message.headers.get(name)?.[0] || undefined;
}

/** The milliseconds that the caller has left, if it says so; @throws Failure for headers that cannot be */
function timeoutOf(message) {
  const type = headerOf(message, 'Content-Type') ?? 'application/json';
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw invalid(`The content type is ${type}; it takes application/json.`);
  const id = headerOf(message, 'Bkg-Invocation-Id') ?? 'none';
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(id))
    throw invalid('Bkg-Invocation-Id takes up to 128 characters of A-Z, a-z, 0-9, "_" and "-".');
  const ms = headerOf(message, 'Bkg-Timeout-Ms');
  if (ms && !/^\d{1,9}$/.test(ms)) throw invalid(`Bkg-Timeout-Ms is "${ms}"; it takes whole milliseconds.`);
  return ms && Number(ms);
}

function payloadOf(message, { check }) {
  let payload;
  try {
    payload = JSON.parse(utf8.decode(message.body));
  } catch (error) {
    throw invalid(`The payload is not JSON: ${error.message}.`);
  }
  const isObject = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
  const errors = isObject ? check(payload) : [{ path: '', message: 'must be an object' }];
  if (errors.length === 0) return payload;
  const list = errors.map(({ path, message: text }) => `${path || 'the payload'} ${text}`).join('; ');
  throw invalid(`The payload does not fit: ${list}.`, errors);
}

function invalid(detail, errors) {
  return new Failure('INVALID_PAYLOAD', detail, errors);
}

function ignore() {}
