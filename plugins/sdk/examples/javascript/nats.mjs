/**
 * A NATS client in one file, on node:net alone. It knows what a plugin needs: user and password, subscriptions with
 * queue groups, headers, requests, and a connection that comes back by itself. No TLS, no JetStream.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as dial } from 'node:net';

const defaultPort = 4222;
const flushMs = 2_000;
const handshakeMs = 5_000;
const pingEveryMs = 15_000;
/** A line longer than this is no NATS. */
const mostLineBytes = 1024 * 1024;
/** What may wait for a slow broker; what is published beyond it is refused. */
const mostUnsentBytes = 16 * 1024 * 1024;

/** User and password from BKG_CREDENTIALS_FILE, else the API key BKG_API_KEY, else NATS_USER and NATS_PASSWORD. */
export function credentials(env = process.env) {
  if (env.BKG_CREDENTIALS_FILE) return JSON.parse(readFileSync(env.BKG_CREDENTIALS_FILE, 'utf8'));
  if (env.BKG_API_KEY) return { user: prefixOf(env.BKG_API_KEY) ?? 'key', password: env.BKG_API_KEY };
  if (env.NATS_USER) return { user: env.NATS_USER, password: env.NATS_PASSWORD };
  throw new Error('No credentials: set BKG_CREDENTIALS_FILE, BKG_API_KEY, or NATS_USER and NATS_PASSWORD.');
}

/** The public part of an API key; undefined for any other password. */
function prefixOf(password = '') {
  return /^bkg_(K[a-z2-7]{9})_/.exec(password)?.[1];
}

/**
 * A connection that dials until it is closed, after each loss again.
 * Events: `connected`, and `trouble` with a text: why it was lost, what the broker complains of, which message failed.
 */
export class Nats extends EventEmitter {
  /** What the broker said of itself, such as `max_payload`. */
  info = {};
  connected = false;
  #servers;
  #name;
  #env;
  #socket;
  #subscriptions = new Map();
  #lastSid = 0;
  /** Each takes one PONG: they come in the order of the PINGs. */
  #pongs = [];
  #requests = new Map();
  #inbox;
  #closed = false;
  #retry;
  #attempt = 0;

  /**
   * @param servers `nats://host:port`, several separated by commas
   * @param identity whose inbox it is, `<plugin>.<instance>`: the broker lets nobody listen to another's. With an API key it
   *   is that of the key, whatever is given
   */
  constructor({ servers, name, identity = 'client', env = process.env }) {
    super();
    this.#inbox = `_INBOX.${prefixOf(credentials(env).password) ?? identity}.${randomBytes(16).toString('hex')}`;
    this.#servers = servers.split(',').map((server) => new URL(server.trim()));
    this.#name = name;
    this.#env = env;
    this.subscribe(`${this.#inbox}.*`, (message) => this.#requests.get(message.subject)?.(message));
    this.#dial();
  }

  /** @returns a function that ends it, and resolves when everything that was on its way has arrived */
  subscribe(subject, take, { queue = '' } = {}) {
    const sid = ++this.#lastSid;
    this.#subscriptions.set(sid, { subject, queue, take });
    this.#write(`SUB ${subject} ${queue} ${sid}\r\n`);
    return async () => {
      this.#write(`UNSUB ${sid}\r\n`);
      await this.flush();
      this.#subscriptions.delete(sid);
    };
  }

  /** @returns false when it was not sent, because the broker is away or too slow; @throws RangeError when it is too large */
  publish(subject, body = '', { reply = '', headers = {} } = {}) {
    const payload = Buffer.from(body);
    const head = encodeHeaders(headers);
    const size = head.length + payload.length;
    if (size > (this.info.max_payload ?? Infinity))
      throw new RangeError(`The message has ${size} bytes; the broker takes ${this.info.max_payload}.`);
    if (!this.connected || this.#socket.writableLength > mostUnsentBytes) return false;
    const line =
      head.length > 0 ? `HPUB ${subject} ${reply} ${head.length} ${size}` : `PUB ${subject} ${reply} ${size}`;
    return this.#write(Buffer.concat([Buffer.from(`${line}\r\n`), head, payload, crlf]));
  }

  /** One request, one reply. @throws Error when nobody listens, or nobody answers in time */
  request(subject, body, { timeoutMs = 5_000, headers } = {}) {
    const reply = `${this.#inbox}.${randomBytes(16).toString('hex')}`;
    let timer;
    return new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer on ${subject} in ${timeoutMs} ms.`)), timeoutMs);
      this.#requests.set(reply, (message) => {
        if (message.status === 503) reject(new Error(`Nobody listens on ${subject}.`));
        else resolve(message);
      });
      if (!this.publish(subject, body, { reply, headers })) reject(new Error('The broker is away.'));
    }).finally(() => {
      clearTimeout(timer);
      this.#requests.delete(reply);
    });
  }

  /** Resolves when the broker has handled everything sent so far; to false when it does not say so in time. */
  flush() {
    return new Promise((resolve) => {
      if (!this.#write('PING\r\n')) return resolve(false);
      const timer = setTimeout(resolve, flushMs, false);
      this.#pongs.push((arrived) => {
        clearTimeout(timer);
        resolve(arrived);
      });
    });
  }

  async close() {
    await this.flush();
    this.#closed = true;
    clearTimeout(this.#retry);
    if (this.connected) this.#socket.end();
    else this.#socket.destroy();
  }

  #dial() {
    const server = this.#servers[this.#attempt % this.#servers.length];
    const socket = dial({
      host: server.hostname.replace(/[[\]]/g, ''),
      port: Number(server.port || defaultPort),
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    let why = 'the broker closed the connection';
    let heardAt = Date.now();
    let greeted = false;
    const lost = (reason) => {
      why = reason;
      socket.destroy();
    };
    const late = setTimeout(lost, handshakeMs, 'it does not answer');
    const ping = setInterval(() => {
      if (Date.now() - heardAt > 2 * pingEveryMs) lost('it was silent for too long');
      else if (this.connected) void this.flush();
    }, pingEveryMs);
    const parse = createParser({
      INFO: (info) => {
        this.info = info;
        if (greeted) return;
        greeted = true;
        if (info.tls_required) return lost('it wants TLS, which this client does not speak');
        socket.write(`CONNECT ${JSON.stringify(this.#connectOptions())}\r\nPING\r\n`);
        // The first PONG says that the broker has let us in.
        this.#pongs.push((arrived) => arrived && (clearTimeout(late), this.#begin()));
      },
      MSG: (message) => this.#take(message),
      PING: () => socket.write('PONG\r\n'),
      PONG: () => this.#pongs.shift()?.(true),
      '-ERR': (complaint) => {
        why = complaint;
        this.emit('trouble', `the broker complains: ${complaint}`);
      },
    });
    socket.on('data', (chunk) => {
      heardAt = Date.now();
      try {
        parse(chunk);
      } catch (error) {
        lost(error.message);
      }
    });
    socket.on('error', (error) => (why = error.message));
    socket.on('close', () => {
      clearTimeout(late);
      clearInterval(ping);
      this.connected = false;
      for (const pong of this.#pongs.splice(0)) pong(false);
      if (this.#closed) return;
      this.emit('trouble', `the broker is away: ${why}`);
      // Half of it is chance, so that a thousand clients do not come back at the same moment.
      const backoffMs = Math.min(250 * 2 ** this.#attempt++, 10_000) * (0.5 + Math.random() / 2);
      this.#retry = setTimeout(() => this.#dial(), backoffMs);
    });
  }

  #take(message) {
    try {
      this.#subscriptions.get(message.sid)?.take(message);
    } catch (error) {
      // One message that is not understood must not end the connection.
      this.emit('trouble', `a message on ${message.subject} failed: ${error.stack}`);
    }
  }

  /** Read at each dial: the password may have changed. */
  #connectOptions() {
    const { user, password } = credentials(this.#env);
    const flags = { verbose: false, pedantic: false, headers: true, no_responders: true, protocol: 1 };
    return { ...flags, lang: 'javascript', version: '1.0.0', name: this.#name, user, pass: password };
  }

  #begin() {
    this.connected = true;
    this.#attempt = 0;
    for (const [sid, { subject, queue }] of this.#subscriptions)
      this.#write(`SUB ${subject} ${queue} ${sid}\r\n`);
    this.emit('connected');
  }

  #write(data) {
    if (!this.connected) return false;
    this.#socket.write(data);
    return true;
  }
}

const crlf = Buffer.from('\r\n');

/**
 * Takes what the broker sends in pieces of any size; calls `on[operation]` for each whole one.
 * @throws Error for what is no NATS
 */
export function createParser(on) {
  let chunks = [];
  let size = 0;
  /** Before so many bytes are here there is nothing to look for: a large message is joined once, not at each piece. */
  let needed = 0;
  let message;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    const data = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    let at = 0;
    for (;;) {
      needed = message ? message.size + 2 : 0;
      if (message) {
        if (data.length - at < needed) break;
        on.MSG(finish(message, data.subarray(at, at + message.size)));
        at += needed;
        message = undefined;
        continue;
      }
      const end = data.indexOf(crlf, at);
      if (end < 0 && data.length - at > mostLineBytes)
        throw new Error('the broker sent a line without an end');
      if (end < 0) break;
      const [operation, rest] = split(data.toString('utf8', at, end));
      at = end + 2;
      if (operation === 'MSG' || operation === 'HMSG') message = announced(operation, rest);
      else if (operation === 'INFO') on.INFO(JSON.parse(rest));
      else if (operation === '-ERR') on['-ERR'](rest.replaceAll("'", ''));
      else if (operation in on) on[operation]();
      else if (operation !== '+OK')
        throw new Error(`the broker sent "${operation.slice(0, 20)}", which is no NATS`);
    }
    chunks = at < data.length ? [data.subarray(at)] : [];
    size = data.length - at;
  };
}

function split(line) {
  const space = line.search(/\s/);
  return space < 0
    ? [line.toUpperCase(), '']
    : [line.slice(0, space).toUpperCase(), line.slice(space + 1).trim()];
}

/** `MSG subject sid [reply] size` and `HMSG subject sid [reply] header-size size`. */
function announced(operation, rest) {
  const words = rest.split(/\s+/);
  const size = Number(words.pop());
  const headSize = operation === 'HMSG' ? Number(words.pop()) : 0;
  const [subject, sid, reply = ''] = words;
  return { subject, sid: Number(sid), reply, size, headSize };
}

function finish({ subject, sid, reply, headSize }, data) {
  const [first = '', ...lines] = data.toString('utf8', 0, headSize).split('\r\n').filter(Boolean);
  const headers = new Map();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  const status = Number(first.split(' ')[1]) || undefined;
  return { subject, sid, reply, status, headers, body: data.subarray(headSize) };
}

/** @param headers a value, or a list of them, by name */
function encodeHeaders(headers) {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  const broken = lines.find((line) => /[\r\n]/.test(line));
  if (broken) throw new TypeError(`A header must be one line: ${JSON.stringify(broken)}.`);
  return Buffer.from(lines.length > 0 ? ['NATS/1.0', ...lines, '', ''].join('\r\n') : '');
}
