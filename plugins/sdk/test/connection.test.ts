import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../src/connect.ts';
import type { Connection } from '../src/connection.ts';
import { delay } from '../src/host/delay.ts';
import { createLogger } from '../src/logger.ts';
import { BkgError } from '../src/protocol/errors.ts';
import { problemOfMsg } from '../src/problem.ts';
import { NoRespondersError } from '../src/request-failures.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';

let server: TestServer;
let [asking, answering]: Connection[] = [];

beforeEach(async () => {
  server = await startNatsServer({ jetstream: false });
  [asking, answering] = [await server.connect('asking'), await server.connect('answering')];
});
afterEach(() => server.stop());

describe('a request', () => {
  it('brings the reply back, whatever it says, under a reply subject nobody can guess', async () => {
    const replySubjects: string[] = [];
    answering!.subscribe('ask', {
      callback: (_, msg) => {
        replySubjects.push(msg.reply!);
        answering!.respond(msg, `${msg.string()} back`);
      },
    });
    await answering!.nats.flush();
    for (const text of ['one', 'two']) {
      expect((await asking!.request('ask', text, { timeoutMs: 1_000 })).string()).toBe(`${text} back`);
    }
    const tokens = replySubjects.map(
      (subject) => /^_INBOX\.asking\.[\w-]{22}\.([\w-]{22}\d+)$/.exec(subject)?.[1],
    );
    expect(new Set(tokens).size).toBe(2);
    expect(tokens).not.toContain(undefined);
  });

  it('fails at once when nobody listens', async () => {
    await expect(asking!.request('nobody', '', { timeoutMs: 5_000 })).rejects.toThrow(NoRespondersError);
  });

  it('fails at its deadline, and when it is cancelled', async () => {
    answering!.subscribe('mute', { callback: () => undefined });
    await answering!.nats.flush();
    await expect(code(asking!.request('mute', '', { timeoutMs: 30 }))).resolves.toBe('DEADLINE_EXCEEDED');
    const controller = new AbortController();
    const reply = code(asking!.request('mute', '', { timeoutMs: 5_000, signal: controller.signal }));
    controller.abort();
    expect(await reply).toBe('CANCELLED');
    expect(await code(asking!.request('mute', '', { timeoutMs: 5_000, signal: controller.signal }))).toBe(
      'CANCELLED',
    );
  });

  it('passes over replies that are not accepted', async () => {
    const other = await server.connect('other');
    for (const [one, text] of [
      [other, 'no'],
      [answering!, 'yes'],
    ] as const)
      one.subscribe('who', {
        callback: (_, msg) => void setTimeout(() => one.respond(msg, text), text === 'yes' ? 50 : 0),
      });
    await Promise.all([other.flush(), answering!.flush()]);
    const accept = (msg: { string: () => string }): boolean => msg.string() === 'yes';
    expect((await asking!.request('who', '', { timeoutMs: 2_000, accept })).string()).toBe('yes');
    const never = asking!.request('who', '', { timeoutMs: 200, accept: () => false });
    expect(await code(never)).toBe('DEADLINE_EXCEEDED');
  });

  it('names the limit when it is too large', async () => {
    const reply = asking!.request('any', new Uint8Array(1_048_577), { timeoutMs: 1_000 });
    await expect(reply).rejects.toThrow(/1048577 bytes.*1048576/);
  });

  it('ends when its connection is closed, and does not wait for its time', async () => {
    answering!.subscribe('mute', { callback: () => undefined });
    await answering!.flush();
    const reply = code(asking!.request('mute', '', { timeoutMs: 60_000 }));
    const stream = asking!.requestStream('mute', '', { plugin: 'mute', timeoutMs: 60_000 });
    await asking!.close();
    expect(await reply).toBe('CANCELLED');
    expect(await code(stream.last)).toBe('CANCELLED');
  });
});

describe('asking many', () => {
  it('collects until the time is over, or until there are enough', async () => {
    const second = await server.connect('second');
    for (const one of [answering!, second]) {
      one.subscribe('all', { callback: (_, msg) => void one.respond(msg, 'here') });
      await one.nats.flush();
    }
    expect(await asking!.requestMany('all', '', { forMs: 100 })).toHaveLength(2);
    const before = performance.now();
    expect(await asking!.requestMany('all', '', { forMs: 5_000, most: 2 })).toHaveLength(2);
    expect(await asking!.requestMany('nobody', '', { forMs: 5_000 })).toEqual([]);
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe('many messages in one turn', () => {
  it('arrive in the order they were sent in, large ones too, and are on their way after a flush', async () => {
    const got: string[] = [];
    answering!.subscribe('order', { callback: (_, msg) => void got.push(msg.string().slice(0, 4)) });
    await answering!.flush();
    const sent = Array.from({ length: 200 }, (_, i) => String(i).padStart(4, '0'));
    for (const [i, text] of sent.entries()) {
      asking!.publish('order', i % 10 === 9 ? text.padEnd(100_000) : text);
      // Several turns, of several messages each.
      if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await asking!.flush();
    await answering!.flush();
    expect(got).toEqual(sent);
  });

  it('are refused one by one when they are too large', async () => {
    const tooLarge = 'x'.repeat(1_048_577);
    asking!.publish('any', 'a');
    asking!.publish('any', 'b');
    await new Promise((resolve) => setImmediate(resolve));
    asking!.publish('any', 'c');
    expect(() => asking!.publish('any', tooLarge)).toThrow(/1048577 bytes/);
    expect(() => asking!.publish('any', 'd', { header: 'ü'.repeat(600_000) })).toThrow(BkgError);
    await expect(asking!.request('any', tooLarge, { timeoutMs: 1_000 })).rejects.toThrow(/1048577 bytes/);
  });

  it('that wait when the broker goes away are kept, counted or refused, each as it would be then', async () => {
    const replies: (() => boolean)[] = [];
    answering!.subscribe('ask', {
      callback: (_, msg) => void replies.push(() => answering!.respond(msg, 'x')),
    });
    await answering!.flush();
    const waiting = [1, 2, 3].map(() => code(asking!.request('ask', '', { timeoutMs: 8_000 })));
    await eventually(() => replies.length === 3);
    // Two in one turn, so that the next turn gathers.
    for (const one of [asking!, answering!]) for (const text of ['a', 'b']) one.publish('none', text);
    await new Promise((resolve) => setImmediate(resolve));
    expect(replies.map((respond) => respond())).toEqual([true, true, true]);
    const late = code(asking!.request('ask', '', { timeoutMs: 8_000 }));
    expect(asking!.publish('event', 'x')).toBe(true);
    // Both connections hear of it before the turn ends.
    for (const one of [asking!, answering!])
      Object.defineProperty(one, 'connected', { value: false, configurable: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await late).toBe('PLUGIN_UNAVAILABLE');
    expect(asking!.droppedEvents).toBe(1);
    for (const one of [asking!, answering!]) Reflect.deleteProperty(one, 'connected');
    // What was kept is sent when the connection comes back.
    await server.kill();
    await eventually(() => !answering!.connected);
    await server.restart();
    expect(await Promise.all(waiting)).toEqual(['answered', 'answered', 'answered']);
  });
});

describe('a subscription', () => {
  it('whose callback throws loses that message only', async () => {
    const got: string[] = [];
    answering!.subscribe('fragile', {
      callback: (_, msg) => {
        if (msg.string() === 'bad') throw new Error('cannot take this');
        got.push(msg.string());
      },
    });
    await answering!.flush();
    for (const text of ['one', 'bad', 'two']) asking!.publish('fragile', text);
    await asking!.flush();
    await eventually(() => got.length === 2);
    expect(got).toEqual(['one', 'two']);
    expect(answering!.connected).toBe(true);
  });
});

describe('bytes that wait for the end of the turn', () => {
  it('are those of the moment when they were sent, whatever their owner writes into them later', async () => {
    const got: string[] = [];
    answering!.subscribe('bytes', { callback: (_, msg) => void got.push(msg.string()) });
    await answering!.flush();
    const buffer = Buffer.alloc(1);
    for (let turn = 0; turn < 4; turn += 1) {
      for (const letter of 'abc') {
        buffer.write(letter);
        asking!.publish('bytes', buffer);
        // By then nats.js has copied what it was given.
        await Promise.resolve();
        await Promise.resolve();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => got.length === 12);
    expect(got.join('')).toBe('abcabcabcabc');
  });
});

describe('while the broker is away', () => {
  it('refuses requests at once, counts events it drops, and is itself again afterwards', async () => {
    const changes: boolean[] = [];
    asking!.onStatus((connected) => changes.push(connected));
    answering!.subscribe('ask', { callback: (_, msg) => void answering!.respond(msg, 'yes') });
    await server.kill();
    await eventually(() => !asking!.connected);
    const before = performance.now();
    expect(await code(asking!.request('ask', '', { timeoutMs: 5_000 }))).toBe('PLUGIN_UNAVAILABLE');
    expect(performance.now() - before).toBeLessThan(100);
    expect(asking!.publish('event', 'x')).toBe(false);
    expect(asking!.droppedEvents).toBe(1);
    await server.restart();
    await eventually(async () => (await asking!.request('ask', '', { timeoutMs: 500 })).string() === 'yes');
    expect(changes).toEqual([false, true]);
    expect(asking!.publish('event', 'x')).toBe(true);
  });

  it('refuses at once to keep a reply that no broker would take, and sends the others', async () => {
    const outcomes: string[] = [];
    let arrived = 0;
    answering!.subscribe('ask', {
      callback: (_, msg) => {
        arrived += 1;
        const text = msg.string() === 'much' ? 'x'.repeat(1_048_577) : 'little';
        setTimeout(() => {
          try {
            outcomes.push(String(answering!.respond(msg, text)));
          } catch (error) {
            outcomes.push((error as BkgError).code);
          }
        }, 400);
      },
    });
    await answering!.flush();
    const much = code(asking!.request('ask', 'much', { timeoutMs: 4_000 }));
    const little = code(asking!.request('ask', 'little', { timeoutMs: 6_000 }));
    await eventually(() => arrived === 2);
    await server.kill();
    await eventually(() => outcomes.length === 2);
    expect(outcomes).toEqual(['PAYLOAD_TOO_LARGE', 'true']);
    await server.restart();
    expect(await Promise.all([much, little])).toEqual(['DEADLINE_EXCEEDED', 'answered']);
  });

  it('tells every listener, also when one fails', async () => {
    const heard: boolean[] = [];
    asking!.onStatus(() => {
      throw new Error('this one fails');
    });
    asking!.onStatus((connected) => heard.push(connected));
    await server.kill();
    await eventually(() => heard.length === 1);
    await server.restart();
    await eventually(() => heard.length === 2);
    expect(heard).toEqual([false, true]);
  });

  it('sends the replies that it has kept before it closes', async () => {
    const held: (() => boolean)[] = [];
    answering!.subscribe('ask', { callback: (_, msg) => void held.push(() => answering!.respond(msg, 'x')) });
    await answering!.flush();
    const reply = code(asking!.request('ask', '', { timeoutMs: 8_000 }));
    await eventually(() => held.length === 1);
    await server.kill();
    await eventually(() => !answering!.connected && !asking!.connected);
    expect(held[0]?.()).toBe(true);
    await server.restart();
    await eventually(() => asking!.connected && answering!.connected, { everyMs: 5 });
    await asking!.flush();
    await answering!.close();
    expect(await reply).toBe('answered');
  });

  it('keeps replies for its return, but only so many', async () => {
    const answers: string[] = [];
    let arrived = 0;
    answering!.subscribe('ask', {
      callback: (_, msg) => {
        arrived += 1;
        setTimeout(() => answers.push(String(answering!.respond(msg, 'x'.repeat(1_000_000)))), 600);
      },
    });
    await answering!.nats.flush();
    const replies = Promise.allSettled(
      Array.from({ length: 12 }, () => asking!.request('ask', '', { timeoutMs: 6_000 })),
    );
    await eventually(() => arrived === 12);
    await server.kill();
    await eventually(() => answers.length === 12);
    expect(answers.filter((kept) => kept === 'true')).toHaveLength(8);
    await server.restart();
    const settled = await replies;
    // What the broker brings after its return reaches who still waits for it.
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(8);
  });
});

describe('a broker that refuses', () => {
  it('the same again and again is told of once, or a line about it that is refused, too, would never end', async () => {
    await using strict = await startNatsServer({ access: true });
    const lines: string[] = [];
    const log = createLogger({}, { destination: { write: (line: string) => void lines.push(line) } });
    const { gatewayCredentials: credentials } = strict;
    const connection = await strict.connect('gateway', { credentials, log });
    for (let i = 0; i < 5; i += 1) connection.publish('not.ours', '');
    connection.publish('nor.this', '');
    await connection.flush();
    await eventually(() => lines.length >= 2);
    for (let i = 0; i < 5; i += 1) connection.publish('not.ours', '');
    await connection.flush();
    await delay(50);
    const told = lines.map((line) => /Publish to \\?"(.+?)\\?"/.exec(line)?.[1]);
    expect(told).toEqual(['not.ours', 'nor.this']);
  });

  it('is tried again for as long as it does', async () => {
    await server.restart({ user: 'test', password: 'changed' });
    await eventually(() => !asking!.connected);
    // nats.js by itself would have given up after the second refusal.
    await delay(2_500);
    await server.restart();
    await eventually(() => asking!.connected && answering!.connected);
    answering!.subscribe('ask', { callback: (_, msg) => void answering!.respond(msg, 'yes') });
    await answering!.flush();
    expect((await asking!.request('ask', '', { timeoutMs: 1_000 })).string()).toBe('yes');
  });
});

describe('connecting', () => {
  it('waits for a broker that comes later', async () => {
    await server.kill();
    const late = server.connect('late');
    await server.restart();
    expect((await late).connected).toBe(true);
  });

  it('gives up when it is told to', async () => {
    const connecting = connect({
      servers: ['nats://127.0.0.1:1'],
      credentials: server.credentials,
      name: 'x',
      identity: ['x'],
      log: silentLogger,
      signal: AbortSignal.timeout(100),
    });
    await expect(connecting).rejects.toThrow(/timeout/i);
  });
});

describe('a failed reply', () => {
  it('is read from the two headers of the NATS service API when there is no problem object', async () => {
    answering!.subscribe('plain', {
      callback: (_, msg) =>
        void answering!.respond(msg, 'text', {
          'Nats-Service-Error': 'gone fishing',
          'Nats-Service-Error-Code': msg.string(),
        }),
    });
    await answering!.nats.flush();
    const problem = async (number: string) =>
      problemOfMsg(await asking!.request('plain', number, { timeoutMs: 1_000 }));
    expect(await problem('503')).toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      status: 503,
      detail: 'gone fishing',
    });
    expect(await problem('418')).toMatchObject({ code: 'INTERNAL', status: 418 });
    expect(await problem('nonsense')).toMatchObject({ code: 'INTERNAL', status: 500 });
  });
});

async function code(reply: Promise<unknown>): Promise<string> {
  try {
    await reply;
    return 'answered';
  } catch (error) {
    if (error instanceof BkgError) return error.code;
    throw error;
  }
}
