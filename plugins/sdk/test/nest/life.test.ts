import { mkdtemp, rm } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { NoRespondersError } from '../../src/request-failures.ts';
import { BkgPlugin, Capability } from '../../src/nest/index.ts';
import { subjects } from '../../src/protocol/index.ts';
import type { Heartbeat, StatusEvent } from '../../src/protocol/index.ts';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { Application, invoke, managed } from './application.ts';
import { PlainHttpAdapter } from './http-adapter.ts';

let server: TestServer;
let caller: Connection;
let folder: string;
const events: string[] = [];

@Injectable()
class Hooks {
  async onModuleInit() {
    await caller.flush();
    events.push('onModuleInit');
  }
  onApplicationBootstrap() {
    events.push('onApplicationBootstrap');
  }
  onModuleDestroy() {
    events.push('onModuleDestroy');
  }
  beforeApplicationShutdown() {
    events.push('beforeApplicationShutdown');
  }
  onApplicationShutdown() {
    events.push('onApplicationShutdown');
  }
}

const handled = new Map<string, number>();

@Controller()
class Work {
  @MessagePattern('work')
  async work(@Payload() { ms, ticket }: { ms: number; ticket?: string }) {
    await wait(ms);
    if (ticket) handled.set(ticket, (handled.get(ticket) ?? 0) + 1);
    events.push('worked');
    return { ms };
  }
}

@Controller()
class Pages {
  @Get('hello')
  hello() {
    return { hello: 'http' };
  }

  @MessagePattern('hello')
  greet() {
    return { hello: 'bkg' };
  }
}

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  folder = await mkdtemp(path.join(tmpdir(), 'bkg-nest-'));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const statuses = (id: string) =>
  caller.subscribe(subjects.events('status', id), {
    callback: (_, msg) => void events.push(msg.json<StatusEvent>().status),
  });

describe('the life of a Nest plugin', () => {
  it('has its hooks before it is ready, and after its last answer', async () => {
    events.length = 0;
    const subscription = statuses('nest');
    await caller.flush();
    const application = await Application.start({ controllers: [Work], providers: [Hooks] }, { server });
    const working = invoke(caller, 'work', { ms: 200 });
    await eventually(async () => (await inFlight('nest')) > 0);
    await application[Symbol.asyncDispose]();
    expect(await working).toEqual({ output: { ms: 200 } });
    await eventually(() => events.includes('stopped'));
    subscription.unsubscribe();
    const ours = events.filter((one) => one !== 'stopped');
    expect(ours).toEqual([
      'onModuleInit',
      'onApplicationBootstrap',
      'starting',
      'running',
      'stopping',
      'worked',
      'onModuleDestroy',
      'beforeApplicationShutdown',
      'onApplicationShutdown',
    ]);
  });

  it('hands over to another instance under 32 callers without losing or doubling one', async () => {
    handled.clear();
    const start = (instance: string) => Application.start({ controllers: [Work] }, { server, instance });
    let current = await start('swap-0');
    const stop = new AbortController();
    let asked = 0;
    let failed = 0;
    const callers = Array.from({ length: 32 }, async (_, number) => {
      for (let round = 0; !stop.signal.aborted; round += 1) {
        asked += 1;
        const { output } = await invoke(caller, 'work', { ms: 5, ticket: `${number}-${round}` });
        if (!output) failed += 1;
      }
    });
    for (let swap = 1; swap <= 3; swap += 1) {
      await eventually(() => asked > swap * 200);
      const next = await start(`swap-${swap}`);
      await current[Symbol.asyncDispose]();
      current = next;
    }
    stop.abort();
    await Promise.all(callers);
    await current[Symbol.asyncDispose]();
    expect(failed).toBe(0);
    expect(handled.size).toBe(asked);
    expect([...handled.values()].every((times) => times === 1)).toBe(true);
  });

  it('is held like any plugin: it listens, answers on its own subject, and takes its share when it is admitted', async () => {
    await using _ = await Application.start({ controllers: [Work] }, { server, held: true });
    await expect(invoke(caller, 'work', { ms: 0 })).rejects.toBeInstanceOf(NoRespondersError);
    const ask = (subject: string) => caller.request(subject, '{"ms":0}', { timeoutMs: 2_000 });
    expect((await ask(subjects.invokeAt('nest', 'nest-1', 'work'))).json()).toEqual({ ms: 0 });
    const [status] = await caller.requestMany(subjects.status('nest'), '', { forMs: 500, most: 1 });
    expect(status?.json()).toMatchObject({ status: 'starting', held: true });
    expect((await ask(subjects.admit('nest', 'nest-1'))).json()).toEqual({ ok: true });
    expect(await invoke(caller, 'work', { ms: 0 })).toEqual({ output: { ms: 0 } });
  });

  it('takes another configuration over while it runs', async () => {
    const taken: unknown[] = [];
    await using _ = await Application.start(
      { controllers: [Work] },
      {
        server,
        settings: Type.Object({ tone: Type.Optional(Type.String()) }),
        configure: ({ settings }) => void taken.push(settings),
      },
    );
    const config = { id: 'nest', ...configDefaults, settings: { tone: 'low' } };
    const body = JSON.stringify({ ...config, resources: { ...configDefaults.resources, timeout_secs: 0.1 } });
    const subject = subjects.configure('nest', 'nest-1');
    expect((await caller.request(subject, body, { timeoutMs: 2_000 })).json()).toEqual({ ok: true });
    expect(taken).toEqual([{ tone: 'low' }]);
    const late = await invoke(caller, 'work', { ms: 300 });
    expect(late.problem?.detail).toContain('within 100 ms');
  });

  it('beats as often as it is launched to, and as it is told', async () => {
    const beats: Heartbeat[] = [];
    const subscription = caller.subscribe(subjects.events('telemetry', 'nest'), {
      callback: (_, msg) => void beats.push(msg.json()),
    });
    await caller.flush();
    const env = { ...managed(server, 'nest', folder, 'nest-1'), BKG_HEARTBEAT_MS: '90000' };
    await using _ = await Application.start({ controllers: [Work] }, { server, env });
    const order = JSON.stringify({ heartbeat_ms: 60_000 });
    const reply = await caller.request(subjects.configure('nest', 'nest-1'), order, { timeoutMs: 2_000 });
    expect(reply.json()).toEqual({ ok: true });
    await eventually(() => beats.length === 2);
    expect(beats.map(({ every_ms }) => every_ms)).toEqual([90_000, 60_000]);
    subscription.unsubscribe();
  });

  it('is one of several transports of a hybrid application', async () => {
    events.length = 0;
    class Hybrid {}
    Module({ controllers: [Pages], providers: [Hooks] })(Hybrid);
    const app = await NestFactory.create(Hybrid, new PlainHttpAdapter({}), {
      logger: false,
      abortOnError: false,
    });
    const env = managed(server, 'hybrid', folder, 'hybrid-1');
    const strategy = new BkgPlugin({
      id: 'hybrid',
      version: '1.0.0',
      description: '',
      env,
      log: silentLogger,
    });
    const microservice = app.connectMicroservice<MicroserviceOptions>({ strategy });
    await app.listen(0);
    const subscription = statuses('hybrid');
    await app.startAllMicroservices();
    const { port } = (app.getHttpServer() as HttpServer).address() as AddressInfo;
    expect(await (await fetch(`http://127.0.0.1:${port}/hello`)).json()).toEqual({ hello: 'http' });
    expect(await invoke(caller, 'hello', {}, { id: 'hybrid' })).toEqual({ output: { hello: 'bkg' } });
    const status: string[] = [];
    microservice.status.subscribe((one: string) => status.push(one));
    expect(status).toEqual(['connected']);
    await app.close();
    await eventually(() => events.includes('stopped'));
    subscription.unsubscribe();
    expect(events).toEqual([
      'onModuleInit',
      'onApplicationBootstrap',
      'starting',
      'running',
      'onModuleDestroy',
      'beforeApplicationShutdown',
      'stopping',
      expect.stringMatching(/stopped|onApplicationShutdown/),
      expect.stringMatching(/stopped|onApplicationShutdown/),
    ]);
    await expect(invoke(caller, 'hello', {}, { id: 'hybrid' })).rejects.toBeInstanceOf(NoRespondersError);
  });

  it('can be closed while it waits for the broker, and leaves no listener behind', async () => {
    const before = process.listenerCount('SIGTERM');
    const env = {
      ...managed(server, 'nest', folder, 'nest-1'),
      BKG_NATS_URL: 'nats://127.0.0.1:1',
    };
    const application = await Application.create({ controllers: [Work] }, { server, env });
    const listening = expect(application.app.listen()).rejects.toThrow('nest was closed before it was ready');
    await eventually(() => process.listenerCount('SIGTERM') > before);
    await application[Symbol.asyncDispose]();
    await listening;
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('listens once, and is connected from then on', async () => {
    const application = await Application.create({ controllers: [Work] }, { server });
    await using _ = application;
    expect(() => application.strategy.unwrap()).toThrow('call app.listen() first');
    await application.app.listen();
    expect(application.app.unwrap<{ isClosed: () => boolean }>().isClosed()).toBe(false);
    await expect(application.app.listen()).rejects.toThrow('make a new BkgPlugin');
    expect(await invoke(caller, 'work', { ms: 0 })).toEqual({ output: { ms: 0 } });
  });
});

/** How many invocations the plugin holds. */
async function inFlight(id: string): Promise<number> {
  const [reply] = await caller.requestMany(subjects.telemetry(id), '', { forMs: 200, most: 1 });
  return reply?.json<{ in_flight: number }>().in_flight ?? 0;
}

describe('an application that cannot be a plugin', () => {
  @Controller()
  class Wrong {
    @EventPattern('order.placed')
    placed(_: unknown) {}

    @MessagePattern('order.show')
    show() {}

    @Capability('order.show')
    showAgain() {}

    @MessagePattern({ cmd: 'sum' })
    sum() {}

    @MessagePattern('Order Cake')
    order() {}

    @EventPattern('order.billed', Transport.KAFKA)
    billed(_: unknown) {}
  }

  it('says at its start what is wrong with each handler, and how to mend it', async () => {
    await using application = await Application.create(
      { controllers: [Wrong] },
      { server, capabilities: { gone: { pattern: { cmd: 'gone' } } } },
    );
    const error: unknown = await application.app.listen().catch((reason: unknown) => reason);
    const lines = (error as Error).message.split('\n');
    expect(lines[0]).toBe('The plugin "nest" cannot be made of this Nest application:');
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(
        /@EventPattern\('order\.placed'\) cannot be .* @EventPattern\('order\.placed', Transport/,
      ),
      expect.stringMatching(/Two handlers are the capability "order\.show"/),
      expect.stringMatching(
        /\{"cmd":"sum"\} is no capability id .* \{ sum: \{ pattern: \{"cmd":"sum"\} \} \}/,
      ),
      expect.stringMatching(/'Order Cake' is no capability id/),
      expect.stringMatching(
        /has "gone" with the pattern \{"cmd":"gone"\}, which no handler has\. There are: 'order/,
      ),
    ]);
  });

  it('is refused like any plugin for its id, its version and its errors', async () => {
    const errors = { CLOSED: { number: 422, retryable: false, description: '' } } as const;
    const options = { server, id: 'bkg-x', version: '1', capabilities: { work: { errors } } };
    await using application = await Application.create({ controllers: [Work] }, options);
    const error: unknown = await application.app.listen().catch((reason: unknown) => reason);
    for (const word of ['"bkg-x" is reserved', '"1" is no version', 'must begin with BKG_X_'])
      expect((error as Error).message).toContain(word);
  });

  it('is told what is missing of its environment', async () => {
    await using application = await Application.create({ controllers: [Work] }, { server, env: {} });
    await expect(application.app.listen()).rejects.toThrow(/BKG_NATS_URL[^]*BKG_CREDENTIALS_FILE/);
  });

  it('is told when its settings do not fit its schema', async () => {
    const settings = { type: 'object', required: ['oven'] } as never;
    await using application = await Application.create({ controllers: [Work] }, { server, settings });
    await expect(application.app.listen()).rejects.toThrow("settings must have required property 'oven'");
  });
});
