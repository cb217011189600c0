import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import path from 'node:path';
import { connect, createToken, readCredentials } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { silentLogger } from '@bkg/sdk/testing';
import type { Canaries } from './canary-search.ts';
import type { TestHome } from './test-home.ts';

/** Something that was said, and where. */
export interface Said {
  where: string;
  text: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

export interface Ask {
  method?: string;
  /** `Authorization`. */
  key?: string;
  headers?: Record<string, string>;
  /** As JSON, or as it is. */
  body?: unknown;
}

/** Asks for exactly that, also for what `fetch` would mend or refuse. */
export async function ask(port: number, target: string, options: Ask = {}): Promise<Answer> {
  const { method = 'GET', key, headers = {}, body } = options;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const asking = request({
    host: '127.0.0.1',
    port,
    method,
    path: target,
    signal: AbortSignal.timeout(12_000),
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  });
  asking.end(text);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const chunks = (await response.toArray()) as Buffer[];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: Buffer.concat(chunks).toString(),
  };
}

/** A message that may hold secrets, because it is what brings them where they belong. */
export interface Exception {
  why: string;
  subject: RegExp;
  /** Which, by their names. */
  secrets: RegExp;
}

interface Message {
  subject: string;
  /** Of a reply, what was asked. */
  asked: string | undefined;
  text: string;
}

/** Hears all that goes over the broker, as the supervisor may. */
export class Spy {
  readonly messages: Message[] = [];
  readonly #connection: Connection;
  readonly #asked = new Map<string, string>();

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.subscribe('>', {
      callback: (error, msg) => {
        if (error) throw error;
        if (msg.reply) this.#asked.set(msg.reply, msg.subject);
        const headers = [...(msg.headers ?? [])].map(([name, values]) => `${name}: ${values.join()}`);
        this.messages.push({
          subject: msg.subject,
          asked: this.#asked.get(msg.subject),
          text: [msg.subject, msg.reply ?? '', ...headers, msg.string()].join('\n'),
        });
      },
    });
  }

  static async in(home: TestHome): Promise<Spy> {
    const connection = await connect({
      servers: [`nats://127.0.0.1:${home.busPort}`],
      credentials: readCredentials(home.file('run', 'credentials.json')),
      name: 'spy',
      identity: ['spy', createToken()],
      log: silentLogger,
    });
    const spy = new Spy(connection);
    await connection.flush();
    return spy;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** What was said where it should not be, and which of the exceptions were needed. */
  judge(canaries: Canaries, exceptions: readonly Exception[]): { leaks: string[]; needed: Set<Exception> } {
    const leaks = new Set<string>();
    const needed = new Set<Exception>();
    for (const { subject, asked, text } of this.messages) {
      for (const found of canaries.in(text)) {
        const place = asked === undefined ? subject : `reply to ${asked}`;
        const exception = exceptions.find((one) => one.subject.test(place) && one.secrets.test(found));
        if (exception) needed.add(exception);
        else leaks.add(`${place}: ${found}`);
      }
    }
    return { leaks: [...leaks], needed };
  }
}

/** Shows that to the broker, as a program without a client library can. @returns whether it lets it in */
export async function knock(port: number, shown: object): Promise<boolean> {
  const socket = createConnection({ port, host: '127.0.0.1' }).setEncoding('utf8').setTimeout(10_000);
  let received = '';
  socket.write(`CONNECT ${JSON.stringify({ verbose: false, ...shown })}\r\nPING\r\n`);
  for await (const text of socket) {
    received += String(text);
    if (/PONG|-ERR/.test(received)) break;
  }
  return received.includes('PONG');
}

/** Every frame of a socket that has asked for all. */
export async function follow(url: string, key: string, frames: readonly object[]): Promise<Said[]> {
  const said: Said[] = [];
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } });
  socket.addEventListener('message', ({ data }) => said.push({ where: url, text: String(data) }));
  await once(socket, 'open');
  for (const frame of frames) socket.send(JSON.stringify(frame));
  return said;
}

/** All files below a folder. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
}

const [group, others] = [0o010, 0o001];

/** Whether somebody else can read a file in a home, by its mode and those of the folders on the way to it. */
export function isOpen(home: string, file: string): boolean {
  const isPassable = (folder: string, who: number): boolean =>
    (statSync(folder).mode & who) !== 0 && (folder === home || isPassable(path.dirname(folder), who));
  const { mode, gid } = statSync(file);
  const opens = (who: number): boolean => (mode & (who * 4)) !== 0 && isPassable(path.dirname(file), who);
  // What a plugin is given is its user's to read, and that is a group of its own.
  const isItsOwn = /\/run\/\w+\.(?:credentials|config)\.json$/.test(file) && gid !== process.getgid?.();
  return opens(others) || (opens(group) && !isItsOwn);
}

/** What can be seen of the processes of a mesh by who looks at the list of them. */
export function processTexts(
  pids: readonly number[],
): { pid: number; command: string; environment: string }[] {
  return pids.map((pid) => ({
    pid,
    command: readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    environment: readFileSync(`/proc/${pid}/environ`, 'utf8'),
  }));
}
