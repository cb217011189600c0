/** What a plugin owes the mesh (PROTOCOL.md), on nats.mjs: discovery, questions, events and the drain. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { Failure } from './failure.mjs';
import { Invocations } from './invocations.mjs';
import { credentials, Nats } from './nats.mjs';
import { Statistics } from './statistics.mjs';

const graceMs = 10_000;
const abortedMs = 1_000;
const heartbeatMs = 2_000;

/**
 * Runs a plugin until SIGTERM, SIGINT, SIGHUP or an order over the broker ends it.
 * @param plugin `{id, version, name, description, capabilities}`; a capability is `{description, input, output,
 *   idempotent, errors, check(payload) => [{path, message}], run(payload, {signal}) => output}`. One that streams has
 *   `stream: true`, the schema `chunk`, and an async generator as `run`, which yields chunks and returns the output. One that
 *   takes bytes has `inputType` and no `input` and `check`: its payload is an async iterable of them, also in chunks with `upload: true`
 */
export async function runPlugin(plugin, env = process.env) {
  const running = new RunningPlugin(plugin, env);
  const asked = new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, resolve);
    running.onDrainOrder = resolve;
  });
  await Promise.race([running.start(), asked]);
  await asked;
  await running.drain();
  // What the plugin has left open must not keep the process.
  setTimeout(() => process.exit(0), 1_000).unref();
}

class RunningPlugin {
  onDrainOrder = () => undefined;
  #plugin;
  #instance;
  #isManaged;
  #nats;
  #statistics;
  #invocations;
  #startedAt = new Date().toISOString();
  #status = 'starting';
  #started;
  /** With BKG_HOLD=1 it is ready, and waits until it is told to take its share of the invocations. */
  #isToBeHeld;
  #isHeld = false;
  #joined;
  /** What ends the subscriptions that invocations come by. */
  #endInvoke = [];
  #beats = 0;
  #ending = new AbortController();

  constructor(plugin, env) {
    const servers = env.BKG_NATS_URL ?? env.NATS_URL;
    if (!servers) throw new Error('BKG_NATS_URL is not set: the broker, such as nats://127.0.0.1:43121.');
    // A wrong file is told now, and not at each dial.
    credentials(env);
    const config = env.BKG_CONFIG_FILE ? JSON.parse(readFileSync(env.BKG_CONFIG_FILE, 'utf8')) : {};
    this.#plugin = plugin;
    this.#instance = env.BKG_INSTANCE_ID ?? randomBytes(11).toString('hex');
    this.#isManaged = env.BKG_INSTANCE_ID !== undefined;
    this.#isToBeHeld = env.BKG_HOLD === '1';
    const identity = `${plugin.id}.${this.#instance}`;
    this.#nats = new Nats({ servers, env, identity, name: `${plugin.id} ${this.#instance}` });
    this.#nats.on('trouble', (why) => this.#log('warn', why));
    this.#statistics = new Statistics(plugin.id, Object.keys(plugin.capabilities));
    const [instance, nats, statistics] = [this.#instance, this.#nats, this.#statistics];
    this.#invocations = new Invocations({ plugin, instance, config, nats, statistics, log: this.#log });
  }

  start() {
    return (this.#started ??= this.#start());
  }

  async #start() {
    if (!this.#nats.connected) await new Promise((resolve) => this.#nats.once('connected', resolve));
    await this.#say('starting');
    this.#serveDiscovery();
    this.#serveQuestions();
    void this.#beat();
    this.#takeInvocations(`at.${this.#instance}.invoke.>`);
    this.#serveAdmit();
    if (!this.#isToBeHeld) this.#joined = this.#join();
    await this.#nats.flush();
    if (this.#joined) return this.#joined;
    this.#isHeld = true;
    await this.#say('starting');
  }

  /** Takes its share of the invocations, which go to one instance of the queue group each. */
  async #join() {
    if (this.#status !== 'starting') return;
    this.#takeInvocations('invoke.>', { queue: 'q' });
    // Ready means that the broker knows the subscription, not that it is on its way.
    await this.#nats.flush();
    this.#isHeld = false;
    await this.#say('running');
    this.#log('info', `${this.#plugin.id} is running`);
  }

  #takeInvocations(subject, options) {
    const accept = (message) => void this.#invocations.accept(message);
    this.#endInvoke.push(this.#nats.subscribe(this.#subject(subject), accept, options));
  }

  /** The order is the protocol's; each shorter way loses invocations. */
  async drain() {
    this.#log('info', 'draining');
    // Not half of each; without a broker the start would never end.
    if (this.#nats.connected) await this.#started;
    await this.#joined;
    this.#isHeld = false;
    await this.#say('stopping');
    await Promise.all(this.#endInvoke.map((end) => end()));
    if (!(await this.#invocations.settled(graceMs))) {
      this.#invocations.abortAll(new Failure('PLUGIN_CRASHED', 'The plugin stopped before it could answer.'));
      await this.#invocations.settled(abortedMs);
    }
    this.#ending.abort();
    // What was answered since the last one is to be counted too.
    this.#heartbeat();
    await this.#say('stopped');
    await this.#nats.close();
  }

  #serveDiscovery() {
    const { id, name = id, version, description = '', capabilities } = this.#plugin;
    const metadata = { 'bkg.name': name, 'bkg.protocol': '1' };
    const identity = { name: id, id: this.#instance, version, metadata };
    const keys = Object.keys(capabilities);
    const endpoint = (key) => ({
      name: key.replaceAll('.', '_'),
      subject: this.#subject(`invoke.${key}`),
      queue_group: 'q',
    });
    const endpoints = keys.map((key) => ({ ...endpoint(key), metadata: metadataOf(key, capabilities[key]) }));
    const statistics = () => keys.map((key) => ({ ...endpoint(key), ...this.#statistics.endpoint(key) }));
    const members = {
      PING: () => ({}),
      INFO: () => ({ description, endpoints }),
      STATS: () => ({ started: this.#startedAt, endpoints: statistics() }),
    };
    for (const [verb, rest] of Object.entries(members)) {
      const type = `io.nats.micro.v1.${verb.toLowerCase()}_response`;
      for (const whose of ['', `.${id}`, `.${id}.${this.#instance}`])
        this.#question(`$SRV.${verb}${whose}`, () => ({ type, ...identity, ...rest() }));
    }
  }

  #serveQuestions() {
    this.#question(this.#subject('status'), () => this.#statusEvent());
    this.#question(this.#subject('telemetry'), () => this.#telemetry());
    this.#question(this.#subject('inflight'), (message) => {
      const asked = [membersOf(message).invocation_ids].flat();
      return { instance: this.#instance, invocation_ids: asked.filter((id) => this.#invocations.holds(id)) };
    });
    this.#question(this.#subject(`ctl.${this.#instance}.drain`), () => {
      this.onDrainOrder();
      return { ok: true };
    });
    this.#nats.subscribe(this.#subject('cancel'), (message) => {
      this.#invocations.cancel(membersOf(message).invocation_id);
    });
  }

  #serveAdmit() {
    this.#nats.subscribe(this.#subject(`ctl.${this.#instance}.admit`), async ({ reply }) => {
      if (!reply.startsWith('_INBOX.')) return;
      await (this.#joined ??= this.#join());
      this.#nats.publish(reply, '{"ok": true}');
    });
  }

  #question(subject, reply) {
    this.#nats.subscribe(subject, (message) => {
      // As with invocations: never to a subject outside of the inboxes.
      if (message.reply.startsWith('_INBOX.'))
        this.#nats.publish(message.reply, JSON.stringify(reply(message)));
    });
  }

  async #say(status) {
    this.#status = status;
    this.#event('status', this.#statusEvent());
    await this.#nats.flush();
  }

  #statusEvent() {
    return { id: this.#plugin.id, instance: this.#instance, ...this.#self() };
  }

  #self() {
    return {
      status: this.#status,
      version: this.#plugin.version,
      started_at: this.#startedAt,
      host: hostname(),
      pid: process.pid,
      ...(this.#isHeld && { held: true }),
    };
  }

  #telemetry() {
    return this.#statistics.telemetry(this.#invocations.inFlight, this.#invocations.waiting);
  }

  /** Jittered, so that a thousand instances do not beat together. */
  async #beat() {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#heartbeat();
      await wait(heartbeatMs * (0.9 + Math.random() * 0.2), undefined, { signal }).catch(() => undefined);
    }
  }

  #heartbeat() {
    this.#statistics.measure();
    // What INFO says of a process never changes here, so its version is description enough.
    const more = { descriptor: this.#plugin.version, telemetry: this.#telemetry() };
    this.#event('telemetry', { seq: this.#beats++, ...this.#self(), ...more });
  }

  #subject(rest) {
    return `plugin.${this.#plugin.id}.${rest}`;
  }

  #event(kind, body) {
    this.#nats.publish(this.#subject(`events.${this.#instance}.${kind}`), JSON.stringify(body));
  }

  /** A line of JSON on standard output. The supervisor publishes what a managed plugin prints. */
  #log = (level, message) => {
    const who = { plugin_id: this.#plugin.id, instance: this.#instance };
    const record = { time: new Date().toISOString(), level, ...who, message, source: 'stdout' };
    console.log(JSON.stringify(record));
    if (!this.#isManaged) this.#event('log', record);
  };
}

/** The members of a JSON object; none for anything else that somebody sent. */
function membersOf(message) {
  try {
    return Object(JSON.parse(message.body.toString()));
  } catch {
    return {};
  }
}

/** An endpoint's part of the contract: all values are texts. */
function metadataOf(key, { description, input = true, output, chunk, idempotent, errors, ...more }) {
  return {
    'bkg.capability': key,
    'bkg.description': description,
    'bkg.input_schema': JSON.stringify(input),
    'bkg.output_schema': JSON.stringify(output),
    ...(idempotent && { 'bkg.idempotent': '1' }),
    ...(more.stream && { 'bkg.stream': '1', 'bkg.chunk_schema': JSON.stringify(chunk) }),
    ...(more.upload && { 'bkg.upload': '1' }),
    ...(more.inputType && { 'bkg.input_type': more.inputType }),
    ...(errors && { 'bkg.errors': JSON.stringify(errors) }),
  };
}
