import { spawn } from 'node:child_process';
import path from 'node:path';
import { headers as createHeaders } from '@nats-io/nats-core';
import type { Msg, MsgHdrs } from '@nats-io/nats-core';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { createToken } from '../../src/token.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { examplesFolder, isThere } from './plugin-process.ts';
import { SlicingProxy } from './slicing-proxy.ts';

type Handlers = Record<string, (value: never) => void>;
const { createParser } = (await import(path.join(examplesFolder, 'javascript/nats.mjs'))) as {
  createParser: (on: Handlers) => (chunk: Buffer) => void;
};

const clients = [
  { file: 'echo.mjs', program: process.execPath, args: [] as string[], isPossible: true },
  { file: 'echo.py', program: 'python3', args: ['-B'], isPossible: isThere('python3', '--version') },
];

/** A program on one of the clients, behind a proxy. */
class Echo implements AsyncDisposable {
  readonly server: TestServer;
  readonly caller: Connection;
  readonly proxy: SlicingProxy;
  output = '';
  readonly #stop: () => Promise<unknown>;

  constructor(server: TestServer, caller: Connection, proxy: SlicingProxy, url: string, index: number) {
    const { file, program, args } = clients[index]!;
    const child = spawn(program, [...args, path.join(import.meta.dirname, 'fixtures', file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        BKG_NATS_URL: url,
        BKG_CREDENTIALS_FILE: server.credentialsFile,
      },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    this.#stop = () => {
      child.kill('SIGKILL');
      return ended;
    };
    this.server = server;
    this.caller = caller;
    this.proxy = proxy;
  }

  static async of(index: number): Promise<Echo> {
    const server = await startNatsServer({ jetstream: false });
    const proxy = new SlicingProxy(server.port);
    const echo = new Echo(server, await server.connect('caller'), proxy, await proxy.listen(), index);
    await echo.ready();
    return echo;
  }

  ready(): Promise<Msg> {
    return eventually(() => this.ask('echo.in', 'ready', { timeoutMs: 1_000 }), { withinMs: 30_000 });
  }

  ask(subject: string, body: string | Uint8Array = '', { timeoutMs = 20_000 } = {}): Promise<Msg> {
    return this.caller.request(subject, body, { timeoutMs });
  }

  /** With headers of several values, which the SDK itself does not send. */
  async askWith(body: string | Uint8Array, headers: MsgHdrs): Promise<Msg> {
    const reply = `_INBOX.test.${createToken()}`;
    const answers: Msg[] = [];
    const subscription = this.caller.nats.subscribe(reply, { callback: (_, msg) => void answers.push(msg) });
    this.caller.nats.publish('echo.in', body, { reply, headers });
    try {
      return await eventually(() => answers[0]);
    } finally {
      subscription.unsubscribe();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await this.proxy[Symbol.asyncDispose]();
    await this.server.stop();
  }
}

function severalValues(): MsgHdrs {
  const headers = createHeaders();
  headers.append('Accept', 'one');
  headers.append('Accept', 'two: with a colon');
  headers.append('accept', 'another name');
  headers.append('Bkg-Invocation-Id', 'x');
  return headers;
}

describe('the parser of nats.mjs', () => {
  it('reads messages that are split at any byte', () => {
    const body = 'ümlaut \r\n MSG a 1 1\r\n';
    const bytes = Buffer.byteLength(body);
    const head = 'NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n';
    const stream = Buffer.from(
      `INFO {"max_payload":7} \r\nMSG a.b 9 ${bytes}\r\n${body}\r\nPING\r\nHMSG c 8 _INBOX.x ${head.length} ${head.length + bytes}\r\n${head}${body}\r\n-ERR 'no'\r\nHMSG d 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n+OK\r\nPONG\r\n`,
    );
    const read = (pieces: Buffer[]): unknown[] => {
      const seen: unknown[] = [];
      const parse = createParser({
        INFO: (info: unknown) => seen.push(['INFO', info]),
        MSG: ({ subject, sid, reply, status, headers, body: data }: Record<string, unknown>) =>
          seen.push([subject, sid, reply, status, [...(headers as Map<string, string[]>)], String(data)]),
        PING: () => seen.push('PING'),
        PONG: () => seen.push('PONG'),
        '-ERR': (why: string) => seen.push(why),
      });
      for (const piece of pieces) parse(piece);
      return seen;
    };
    const expected = [
      ['INFO', { max_payload: 7 }],
      ['a.b', 9, '', undefined, [], body],
      'PING',
      ['c', 8, '_INBOX.x', undefined, [['A', ['1', '2']]], body],
      'no',
      ['d', 7, '', 503, [], ''],
      'PONG',
    ];
    expect(read([stream])).toEqual(expected);
    for (let at = 0; at <= stream.length; at++)
      expect(read([stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toEqual(expected);
    expect(read([...stream].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  it('gives up on what is no NATS', () => {
    const parse = createParser({});
    expect(() => parse(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toThrow('is no NATS');
    expect(() => createParser({})(Buffer.alloc(2 * 1024 * 1024, 'x'))).toThrow('without an end');
  });
});

for (const [index, { file, isPossible }] of clients.entries()) {
  const title = isPossible ? file : `${file} (skipped: there is no python3 on the PATH)`;
  describe.skipIf(!isPossible)(title, { concurrent: true, timeout: 60_000 }, () => {
    it('reads and writes messages that arrive byte by byte, with headers of several values', async ({
      expect,
    }) => {
      await using echo = await Echo.of(index);
      echo.proxy.sliced = true;
      const reply = await echo.askWith('ümlaut \r\n +OK', severalValues());
      expect(reply.string()).toBe('ümlaut \r\n +OK');
      expect(reply.headers?.values('Accept')).toEqual(['one', 'two: with a colon']);
      expect(reply.headers?.values('accept')).toEqual(['another name']);
      expect((await echo.ask('echo.in', '')).data).toHaveLength(0);
    });

    it('takes the largest message that there may be, and refuses a larger one', async ({ expect }) => {
      await using echo = await Echo.of(index);
      const body = Buffer.alloc(1024 * 1024, 'x');
      for (let i = 0; i < 5; i++) {
        body.writeUInt32BE(i, 512 * 1024);
        expect(body.equals((await echo.ask('echo.in', body)).data)).toBe(true);
      }
      const refusals = (await echo.ask('echo.refusals')).json<string[]>();
      expect(refusals[0]).toContain('1048577 bytes; the broker takes 1048576');
      expect(refusals[1]).toContain('A header must be one line');
    });

    it('comes back when the broker was away, also when it was not let in meanwhile', async ({ expect }) => {
      await using echo = await Echo.of(index);
      const { server } = echo;
      await server.restart();
      expect((await echo.ready()).string()).toBe('ready');
      await server.restart({ user: 'somebody', password: 'else' });
      await eventually(() => echo.output.includes('Authorization Violation'));
      await server.restart();
      expect((await echo.ready()).string()).toBe('ready');
    });

    it('asks others, and is told when nobody listens', async ({ expect }) => {
      await using echo = await Echo.of(index);
      expect((await echo.ask('echo.ask', 'echo.in')).string()).toBe('from inside');
      expect((await echo.ask('echo.ask', 'nobody.there')).string()).toContain(
        'Nobody listens on nobody.there',
      );
    });

    it('goes on after a message that its taker does not understand', async ({ expect }) => {
      await using echo = await Echo.of(index);
      echo.caller.publish('echo.wrong', 'x');
      await eventually(() => echo.output.includes('a message on echo.wrong failed'));
      expect((await echo.ask('echo.in', 'still here')).string()).toBe('still here');
      expect(echo.output).not.toContain('the broker');
    });
  });
}
