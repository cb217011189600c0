import type { MsgHdrs } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { Instance } from '../src/instance.ts';
import { problemOfMsg } from '../src/problem.ts';
import { eventually, silentLogger, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { createReel } from './stream/reel.ts';

/** Such as a client in another language sends that writes a text of two lines into a header as it is. */
const twoLines = {
  encode: () => Buffer.from('NATS/1.0\r\nNats-Service-Error: one\nline more\r\n\r\n'),
} as unknown as MsgHdrs;

let server: TestServer;
let [asking, answering]: Connection[] = [];

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  [asking, answering] = [await server.connect('asking'), await server.connect('answering')];
  answering.subscribe('two.*', {
    callback: (_, msg) =>
      answering!.nats.publish(msg.reply!, msg.subject.endsWith('full') ? '{}' : '', { headers: twoLines }),
  });
  answering.subscribe('good', { callback: (_, msg) => void answering!.respond(msg, 'good') });
  await answering.flush();
});
afterAll(() => server.stop());

async function isHeardStill(): Promise<void> {
  expect((await asking!.request('good', '', { timeoutMs: 2_000 })).string()).toBe('good');
}

describe('headers that cannot be read', () => {
  it.each(['two.empty', 'two.full'])('of a reply fail its request alone: %s', async (subject) => {
    const failure = {
      code: 'INVALID_OUTPUT',
      message: expect.stringContaining('one line of ASCII') as unknown,
    };
    await expect(asking!.request(subject, '', { timeoutMs: 2_000 })).rejects.toMatchObject(failure);
    await isHeardStill();
    const stream = asking!.requestStream(subject, '', { plugin: 'two', timeoutMs: 2_000 });
    await expect(stream.first).rejects.toMatchObject(failure);
    await isHeardStill();
  });

  it('of one of many are passed over', async () => {
    expect(await asking!.requestMany('two.empty', '', { forMs: 100 })).toEqual([]);
    const accept = (): boolean => true;
    const never = asking!.request('two.full', '', { timeoutMs: 100, accept });
    await expect(never).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await isHeardStill();
  });

  it('of an invocation are told to who sends it', async () => {
    const { plugin } = createReel();
    const instance = new Instance(plugin, { connection: await server.connect('reel'), log: silentLogger });
    await instance.start();
    const replies: (string | undefined)[] = [];
    const { reply, leave } = asking!.openInbox((msg) => replies.push(problemOfMsg(msg)?.code));
    asking!.nats.publish('plugin.reel.invoke.say', '{"text":"x"}', { reply, headers: twoLines });
    await eventually(() => replies.length === 1);
    expect(replies).toEqual(['INVALID_PAYLOAD']);
    leave();
    await instance.drain(0);
  });
});
