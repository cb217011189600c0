import path from 'node:path';
import { Logger } from '@nestjs/common';
import { ClientProxyFactory, NatsRecordBuilder, Transport } from '@nestjs/microservices';
import { headers as createHeaders } from '@nats-io/nats-core';
import { lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { subjects } from '../../src/protocol/index.ts';
import type { LogRecord, StatusEvent } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { invoke, managed } from './application.ts';
import { CompiledCopy } from './program.ts';
import type { Program } from './program.ts';

// Each of these starts programs, each of which loads Nest.
vi.setConfig({ testTimeout: 60_000 });
// The client of the first test says that it closes.
Logger.overrideLogger(false);

let server: TestServer;
let caller: Connection;
let sums: CompiledCopy;
let hello: CompiledCopy;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  const fixture = path.join(import.meta.dirname, 'fixtures/sums');
  const example = path.resolve(import.meta.dirname, '../../examples/nest');
  [sums, hello] = await Promise.all([CompiledCopy.of(fixture), CompiledCopy.of(example)]);
});
afterAll(async () => {
  await Promise.all([sums[Symbol.asyncDispose](), hello[Symbol.asyncDispose]()]);
  await server.stop();
});

const startSums = (instance: string, env = {}) =>
  sums.run('dist/main.js', { ...managed(server, 'sums', sums.folder, instance), ...env });
const startHello = (instance: string) =>
  hello.run('dist/main.js', managed(server, 'hello-nest', hello.folder, instance));

/** Waits until this instance takes invocations; a program that has ended meanwhile never will. */
async function running(program: Program, id: string, instance: string): Promise<void> {
  await eventually(
    async () => {
      if (program.child.exitCode !== null) return true;
      const replies = await caller.requestMany(subjects.status(id), '', { forMs: 100 });
      return replies
        .map((one) => one.json<StatusEvent>())
        .some((one) => one.instance === instance && one.status === 'running');
    },
    { withinMs: 30_000 },
  );
  expect(program.child.exitCode, program.stdout + program.stderr).toBeNull();
}

describe('a service that was written for Nest’s own NATS transport', () => {
  const numbers = [1, 2, 3.5];

  it('answers Nest clients as it was', async () => {
    const options = { servers: server.url, user: server.credentials.user, pass: server.credentials.password };
    const program = sums.run('dist/main-nats.js', { NATS_OPTIONS: JSON.stringify(options) });
    const client = ClientProxyFactory.create({ transport: Transport.NATS, options });
    const send = (pattern: unknown, data: unknown) => lastValueFrom(client.send<unknown>(pattern, data));
    try {
      expect(await eventually(() => send({ cmd: 'sum' }, numbers), { withinMs: 30_000 })).toBe(6.5);
      expect(await send('squares', [1, 2, 3])).toBe(14);
      await expect(send({ cmd: 'divide' }, { a: 1, b: 0 })).rejects.toMatchObject({
        code: 'DIVISION_BY_ZERO',
      });
      const headers = createHeaders();
      headers.set('x-tenant', 'acme');
      const record = new NatsRecordBuilder({}).setHeaders(headers).build();
      expect(await send('caller', record)).toEqual({ subject: 'caller', tenant: 'acme' });
    } finally {
      await client.close();
      program.child.kill('SIGKILL');
      await program.ended;
    }
  });

  it('joins with one changed line and its schemas', async () => {
    const program = startSums('moved');
    await running(program, 'sums', 'moved');
    const to = { id: 'sums', headers: { 'x-tenant': 'acme' } };
    expect(await invoke(caller, 'sum', numbers, to)).toEqual({ output: 6.5 });
    expect(await invoke(caller, 'squares', [1, 2, 3], to)).toEqual({ output: 14 });
    expect((await invoke(caller, 'sum', ['1'], to)).problem).toMatchObject({
      code: 'INVALID_PAYLOAD',
      errors: [{ path: '/0', message: 'must be number' }],
    });
    expect((await invoke(caller, 'divide', { a: 1, b: 0 }, to)).problem).toMatchObject({
      code: 'SUMS_DIVISION_BY_ZERO',
      status: 422,
      detail: '1 by nothing',
    });
    expect(await invoke(caller, 'caller', {}, to)).toEqual({
      output: { subject: 'plugin.sums.invoke.caller', tenant: 'acme' },
    });
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });
});

describe('a service with a copy of Nest of its own', () => {
  it('is understood as well', async () => {
    await using own = await sums.withOwnNest();
    const program = own.run('dist/main.js', managed(server, 'sums', own.folder, 'own'));
    await running(program, 'sums', 'own');
    const to = { id: 'sums' };
    expect(await invoke(caller, 'sum', [1, 2], to)).toEqual({ output: 3 });
    expect(await invoke(caller, 'squares', [1, 2], to)).toEqual({ output: 5 });
    expect((await invoke(caller, 'divide', { a: 1, b: 0 }, to)).problem).toMatchObject({
      code: 'SUMS_DIVISION_BY_ZERO',
    });
    expect((await invoke(caller, 'books', {}, to)).problem).toMatchObject({
      code: 'FORBIDDEN',
      detail: 'for auditors only',
    });
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  });
});

describe('a Nest plugin as a program', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'answers what it holds at %s, calls the hooks and ends with 0',
    async (signal) => {
      const program = startSums(signal);
      await running(program, 'sums', signal);
      const held = invoke(caller, 'sum.slowly', [1, 2], { id: 'sums' });
      await holding('sums');
      program.child.kill(signal);
      expect(await held).toEqual({ output: 3 });
      expect(await program.ended).toBe(0);
      expect(program.stdout).toContain(`put away after ${signal}`);
    },
  );

  it('ends the same way without hooks, and when it is asked over the broker', async () => {
    const program = startSums('asked', { HOOKS: 'off' });
    await running(program, 'sums', 'asked');
    const held = invoke(caller, 'sum.slowly', [1, 2], { id: 'sums' });
    await holding('sums');
    await caller.request(subjects.drain('sums', 'asked'), '', { timeoutMs: 1_000 });
    expect(await held).toEqual({ output: 3 });
    expect(await program.ended).toBe(0);
    expect(program.stdout).not.toContain('put away');
  });

  it('can be stopped while it waits for the broker', async () => {
    const early = ['on', 'off'].map(async (HOOKS) => {
      const program = startSums('early', { BKG_NATS_URL: 'nats://127.0.0.1:1', HOOKS });
      await eventually(() => program.stdout.includes('cannot be reached'), { withinMs: 30_000 });
      program.child.kill('SIGTERM');
      return program.ended;
    });
    expect(await Promise.all(early)).toEqual([0, 0]);
  });

  it('ends with 1 and the reason when it cannot start', async () => {
    const programs = [
      startSums('fail-env', { BKG_NATS_URL: '' }),
      startSums('fail-init', { FAIL: 'init' }),
      startSums('fail-module', { FAIL: 'module' }),
    ] as const;
    expect(await Promise.all(programs.map(({ ended }) => ended))).toEqual([1, 1, 1]);
    expect(programs[0].records.at(-1)).toMatchObject({
      level: 'fatal',
      message: expect.stringContaining('BKG_NATS_URL is not set'),
    });
    expect(programs[1].stderr).toContain('there is no paper');
    expect(programs[2].stderr).toContain("can't resolve dependencies of the SumsController");
  });
});

describe('the example', () => {
  it('logs as the mesh reads it, Nest’s own lines included', async () => {
    const program = startHello('logs');
    await running(program, 'hello-nest', 'logs');
    expect(await invoke(caller, 'greet', { name: 'Ada' }, { id: 'hello-nest' })).toEqual({
      output: { greeting: 'Hello, Ada!' },
    });
    expect((await invoke(caller, 'greet', { name: 'nobody' }, { id: 'hello-nest' })).problem).toMatchObject({
      code: 'HELLO_NEST_NOBODY',
      status: 404,
      retryable: false,
    });
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.stderr).toBe('');
    expect(program.records.length).toBe(program.stdout.trim().split('\n').length);
    expect(program.records).toContainEqual(
      expect.objectContaining({ level: 'info', context: 'NestFactory' }),
    );
    expect(program.records).toContainEqual(
      expect.objectContaining({ message: 'greeting', name: 'Ada', instance: 'logs', capability: 'greet' }),
    );
  });

  it('publishes its log when nobody manages it, Nest’s own lines included', async () => {
    const events: LogRecord[] = [];
    const subscription = caller.subscribe(subjects.events('log', 'hello-nest'), {
      callback: (_, msg) => void events.push(msg.json()),
    });
    const { BKG_INSTANCE_ID: _, ...env } = managed(server, 'hello-nest', hello.folder, '');
    const program = hello.run('dist/main.js', env);
    await eventually(() => events.some(({ message }) => message.includes('successfully started')), {
      withinMs: 30_000,
    });
    expect(events.at(-1)).toMatchObject({
      context: 'NestMicroservice',
      source: 'sdk',
      instance: expect.any(String),
    });
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    subscription.unsubscribe();
  });

  it('hands over to another process under 32 callers without losing or doubling one', async () => {
    const first = startHello('first');
    await running(first, 'hello-nest', 'first');
    const stop = new AbortController();
    const failed: unknown[] = [];
    let asked = 0;
    const callers = Array.from({ length: 32 }, async (_, number) => {
      for (let round = 0; !stop.signal.aborted; round += 1) {
        asked += 1;
        const { output, problem } = await invoke(
          caller,
          'greet',
          { name: `${number}-${round}` },
          { id: 'hello-nest' },
        );
        if (!output) failed.push(problem);
      }
    });
    await eventually(() => asked > 500);
    const second = startHello('second');
    await running(second, 'hello-nest', 'second');
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    const atHandOver = asked;
    await eventually(() => asked > atHandOver + 200);
    stop.abort();
    await Promise.all(callers);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(failed).toEqual([]);
    const names = [...first.records, ...second.records]
      .filter(({ message }) => message === 'greeting')
      .map((record) => record['name']);
    expect(names.length).toBe(asked);
    expect(new Set(names).size).toBe(asked);
  });
});

/** Waits until the plugin's one instance holds an invocation. */
async function holding(id: string): Promise<void> {
  await eventually(async () => {
    const [reply] = await caller.requestMany(subjects.telemetry(id), '', { forMs: 500, most: 1 });
    return (reply?.json<{ in_flight: number }>().in_flight ?? 0) > 0;
  });
}
