import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ConnectionLostError,
  DeadlineExceededError,
  PluginUnavailableError,
} from '../../src/client/errors.ts';
import { createClient } from '../../src/client/nats/index.ts';
import type { NatsClient, Retry } from '../../src/client/nats/index.ts';
import type { Connection } from '../../src/connection.ts';
import { delay } from '../../src/host/delay.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { startEcho } from './echo-mesh.ts';
import type { EchoMesh } from './echo-mesh.ts';
import { announce, deathOf, Mortal } from './mortal.ts';

let server: TestServer;
let connection: Connection;
let caller: NatsClient<EchoMesh>;
let retries: Retry[];

beforeEach(async () => {
  server = await startNatsServer({ jetstream: false });
  connection = await server.connect('caller');
  retries = [];
  caller = createClient<EchoMesh>(connection, { retry: { onRetry: (one) => retries.push(one) } });
});
afterEach(async () => {
  await caller.close();
  await server.stop();
});

/** An instance whose process is gone from one moment to the next, with what it holds. */
async function startMortal() {
  const own = await server.connect('mortal');
  const echo = await startEcho(server, {}, { connection: own });
  return { ...echo, die: () => own.nats.close() };
}

describe('when the broker goes away in the middle of an invocation', () => {
  it('the answer comes after its return, and nothing runs twice', async () => {
    const { started, instance } = await startEcho(server);
    const answer = caller.invoke('echo', 'text.wait', { ms: 300 });
    await eventually(() => started.length === 1);
    await server.kill();
    await eventually(() => caller.state.status === 'offline');
    await eventually(() => instance.telemetry().in_flight === 0);
    await server.restart();
    expect(await answer).toEqual({ waited: 300 });
    expect(started).toHaveLength(1);
    expect(retries).toEqual([]);
  });

  it('the caller waits no longer than it wanted when the broker stays away', async () => {
    const { started } = await startEcho(server);
    const before = performance.now();
    const answer = caller.invoke('echo', 'text.wait', { ms: 100 }, { timeoutMs: 600, idempotent: true });
    await eventually(() => started.length === 1);
    await server.kill();
    await expect(answer).rejects.toThrow(DeadlineExceededError);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('and nobody holds it any more after its return, the caller learns it long before its deadline', async () => {
    const mortal = await startMortal();
    const answer = caller.invoke('echo', 'text.wait', { ms: 500 }, { timeoutMs: 60_000 });
    await eventually(() => mortal.started.length === 1);
    await server.kill();
    await mortal.die();
    await server.restart();
    const other = await startEcho(server);
    await expect(answer).rejects.toThrow(ConnectionLostError);
    await expect(answer).rejects.toMatchObject({ executed: 'maybe' });
    // It may have run, so it was not sent again.
    expect(other.started).toEqual([]);
    expect(retries).toEqual([]);
  });

  it('and nobody holds it any more, the caller learns it also when the plugin comes back later than the broker', async () => {
    const mortal = await startMortal();
    const answer = caller.invoke('echo', 'text.wait', { ms: 500 }, { timeoutMs: 60_000 });
    const failure = expect(answer).rejects.toThrow(ConnectionLostError);
    await eventually(() => mortal.started.length === 1);
    await server.kill();
    await mortal.die();
    await server.restart();
    await eventually(() => connection.connected);
    // Beyond the first question, to which nobody answers.
    await delay(2_500);
    await startEcho(server);
    await failure;
  });

  it('and nobody holds it any more, it is sent again when that does no harm', async () => {
    const mortal = await startMortal();
    const answer = caller.invoke('echo', 'text.wait', { ms: 300 }, { timeoutMs: 60_000, idempotent: true });
    await eventually(() => mortal.started.length === 1);
    await server.kill();
    await mortal.die();
    await server.restart();
    const other = await startEcho(server);
    expect(await answer).toEqual({ waited: 300 });
    expect(other.started).toHaveLength(1);
    expect(other.started).not.toEqual(mortal.started);
    expect(retries).toMatchObject([{ attempt: 1, error: { name: 'ConnectionLostError' } }]);
  });

  it('and somebody is being asked what it holds, that decides nothing: what is lost is found after its return', async () => {
    await using client = createClient<EchoMesh>(connection, { retry: false, lost: { settleMs: 1_500 } });
    const first = await Mortal.start(server, 'echo', 'first');
    const answer = client.invoke('echo', 'text.say', { text: '' }, { timeoutMs: 60_000 });
    const failure = expect(answer).rejects.toThrow(ConnectionLostError);
    await eventually(() => first.held.size === 1);
    const second = await Mortal.start(server, 'echo', 'second');
    let answerTheOld = (): void => undefined;
    second.onQuestion = (msg, asked) => (answerTheOld = () => second.claim(msg, asked));
    await first.die();
    const others = [{ instance: 'second', inflight: true }];
    announce(await server.connect('supervisor'), deathOf('echo', 'first', { others }));
    await eventually(() => second.questions.length === 1);
    await server.restart();
    await eventually(() => second.isConnected && connection.connected);
    second.onQuestion = (msg, asked) => second.claim(msg, asked);
    // That the second does not hold it was true before; whether it is, will be asked.
    answerTheOld();
    await failure;
    expect(second.questions).toHaveLength(2);
  });

  it('what an instance still holds after its return is waited for', async () => {
    const { started } = await startEcho(server);
    const answer = caller.invoke('echo', 'text.wait', { ms: 4_000 }, { idempotent: true });
    await eventually(() => started.length === 1);
    await server.restart();
    expect(await answer).toEqual({ waited: 4_000 });
    expect(started).toHaveLength(1);
    expect(retries).toEqual([]);
  });
});

describe('while the broker is away', () => {
  it('an invocation fails after its repetitions, and the state says since when', async () => {
    await startEcho(server);
    const states: string[] = [];
    const end = caller.onState(({ status }) => states.push(status));
    expect(caller.state.status).toBe('live');
    const before = new Date();
    await server.kill();
    await eventually(() => caller.state.status === 'offline');
    expect(caller.state.since.getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(caller.state.reason).toBe('The broker is away.');
    await expect(caller.invoke('echo', 'text.say', { text: '' })).rejects.toThrow(PluginUnavailableError);
    expect(retries).toHaveLength(3);
    await server.restart();
    await eventually(() => caller.state.status === 'live');
    await eventually(() => caller.invoke('echo', 'text.say', { text: 'again' }));
    end();
    await server.kill();
    await eventually(() => caller.state.status === 'offline');
    expect(states).toEqual(['offline', 'live']);
  });
});
