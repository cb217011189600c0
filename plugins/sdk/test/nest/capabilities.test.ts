import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Inject, Injectable, Scope, UseGuards, UseInterceptors } from '@nestjs/common';
import type { CallHandler, CanActivate, NestInterceptor } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Ctx, MessagePattern, NatsContext, Payload, Transport } from '@nestjs/microservices';
import { EMPTY, interval, of, tap } from 'rxjs';
import type { Observable } from 'rxjs';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { bkgTransport, Capability } from '../../src/nest/index.ts';
import type { InvocationContext } from '../../src/nest/index.ts';
import { subjects } from '../../src/protocol/index.ts';
import type { InfoResponse } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { Application, invoke } from './application.ts';

const Text = Type.Object({ text: Type.String() });
const seen: string[] = [];

@Injectable()
class Seeing implements CanActivate {
  canActivate(): boolean {
    seen.push('guard');
    return true;
  }
}

@Injectable()
class Watching implements NestInterceptor {
  intercept(_: unknown, next: CallHandler): Observable<unknown> {
    seen.push('before');
    return next.handle().pipe(tap(() => seen.push('after')));
  }
}

@Controller()
class Texts {
  @MessagePattern('text.say', { description: 'Says it.', input: Text, output: Text, idempotent: true })
  say(@Payload() { text }: { text: string }) {
    return { text };
  }

  @UseGuards(Seeing)
  @UseInterceptors(Watching)
  @Capability('text.watched', { input: Text })
  watched(@Payload('text') text: string) {
    seen.push('handler');
    return text;
  }

  @MessagePattern({ cmd: 'sum', of: 'numbers' })
  sum(@Payload() numbers: number[]) {
    return numbers.reduce((sum, one) => sum + one, 0);
  }

  @Capability('text.named', { name: 'Named', output: Type.Integer() })
  @MessagePattern({ cmd: 'named' })
  named() {
    return 1;
  }

  @MessagePattern({ cmd: 'below' })
  @Capability('text.below')
  below() {
    return 2;
  }

  @MessagePattern('elsewhere', Transport.TCP)
  elsewhere() {
    return 0;
  }

  @MessagePattern('here', bkgTransport, { description: 'For bkg alone.' })
  here() {
    return 'here';
  }
}

@Controller()
class Answers {
  @MessagePattern('answer.nothing')
  nothing() {
    return undefined;
  }

  @MessagePattern('answer.one')
  one() {
    return of('one');
  }

  @MessagePattern('answer.later')
  async later() {
    await wait(1);
    return of('later');
  }

  @MessagePattern('answer.empty')
  empty() {
    return EMPTY;
  }

  @MessagePattern('answer.several')
  several() {
    return of(1, 2, 3);
  }

  @MessagePattern('answer.endless')
  endless() {
    return interval(1).pipe(tap({ unsubscribe: () => seen.push('unsubscribed') }));
  }

  @Capability('answer.date', {
    output: Type.Object({
      at: Type.String({ format: 'date-time' }),
      by: Type.Object({ id: Type.Integer() }),
    }),
  })
  date() {
    return { at: new Date(0), by: new Author(7) };
  }
}

class Author {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  toJSON() {
    return { id: this.id };
  }
}

const waiting = { started: 0, reasons: [] as unknown[] };

@Controller()
class Contexts {
  @MessagePattern('context.show')
  show(@Payload() _: unknown, @Ctx() context: InvocationContext) {
    const { invocationId, capability, signal, header, remainingMs, deadlineAt, log } = context;
    log.trace('shown');
    return {
      invocationId,
      capability,
      aborted: signal.aborted,
      traceparent: header('traceparent'),
      remains: remainingMs() > 0 && deadlineAt > Date.now(),
    };
  }

  @MessagePattern('context.nats')
  nats(@Ctx() context: NatsContext) {
    const headers = context.getHeaders() as { get: (name: string) => string };
    return { subject: context.getSubject(), trace: headers.get('traceparent') };
  }

  @MessagePattern('context.pass_on')
  passOn(@Payload() payload: unknown, @Ctx() { invoke: call }: InvocationContext) {
    return call('nest', 'text.say', payload);
  }

  @MessagePattern('context.wait')
  async wait(@Ctx() { signal }: InvocationContext) {
    waiting.started += 1;
    signal.addEventListener('abort', () => waiting.reasons.push((signal.reason as { code: string }).code));
    await wait(60_000, undefined, { signal });
  }
}

@Injectable({ scope: Scope.REQUEST })
class Basket {
  static count = 0;
  readonly number = ++Basket.count;
  readonly request: { data: unknown; context: InvocationContext };

  constructor(@Inject(REQUEST) request: { data: unknown; context: InvocationContext }) {
    this.request = request;
  }
}

@Controller()
class Baskets {
  readonly #basket: Basket;

  constructor(@Inject(Basket) basket: Basket) {
    this.#basket = basket;
  }

  @MessagePattern('basket.take', { input: { type: 'object' } })
  take() {
    const { number, request } = this.#basket;
    return { number, data: request.data, invocation: request.context.invocationId };
  }
}

let server: TestServer;
let caller: Connection;
let application: Application;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  application = await Application.start(
    { controllers: [Texts, Answers, Contexts, Baskets], providers: [Basket] },
    {
      server,
      author: 'tests',
      capabilities: {
        'number.sum': {
          pattern: { of: 'numbers', cmd: 'sum' },
          description: 'Adds.',
          input: Type.Array(Type.Number()),
          output: Type.Number(),
        },
        'text.named': { description: 'Named in both places.' },
      },
    },
  );
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await server.stop();
});

describe('a Nest microservice as a plugin', () => {
  it('answers a capability for each message pattern', async () => {
    expect(await invoke(caller, 'text.say', { text: 'hi' })).toEqual({ output: { text: 'hi' } });
    expect(await invoke(caller, 'number.sum', [1, 2, 3])).toEqual({ output: 6 });
    expect(await invoke(caller, 'text.named')).toEqual({ output: 1 });
    expect(await invoke(caller, 'text.below')).toEqual({ output: 2 });
    expect(await invoke(caller, 'here')).toEqual({ output: 'here' });
  });

  it('says of itself what decorators, extras and the map of capabilities say', async () => {
    const reply = await caller.request(subjects.service('INFO', 'nest'), '', { timeoutMs: 2_000 });
    const info = reply.json<InfoResponse>();
    expect(info).toMatchObject({ name: 'nest', id: 'nest-1', version: '1.0.0', description: 'Of Nest.' });
    expect(info.metadata['bkg.author']).toBe('tests');
    const metadata = new Map(info.endpoints.map((one) => [one.metadata['bkg.capability'], one.metadata]));
    expect([...metadata.keys()].filter((id) => /^(text|number|here|else)/.test(id ?? ''))).toEqual([
      'text.say',
      'text.watched',
      'number.sum',
      'text.named',
      'text.below',
      'here',
    ]);
    expect(metadata.get('text.say')).toMatchObject({ 'bkg.description': 'Says it.', 'bkg.idempotent': '1' });
    expect(JSON.parse(metadata.get('text.say')?.['bkg.input_schema'] ?? '')).toMatchObject({
      required: ['text'],
    });
    expect(metadata.get('number.sum')).toMatchObject({ 'bkg.output_schema': '{"type":"number"}' });
    expect(metadata.get('text.named')).toMatchObject({
      'bkg.name': 'Named',
      'bkg.description': 'Named in both places.',
      'bkg.output_schema': '{"type":"integer"}',
    });
    expect(metadata.get('text.below')?.['bkg.input_schema']).toBe('true');
  });

  it('runs guards and interceptors around the handler, and none of it for a payload that does not fit', async () => {
    seen.length = 0;
    expect((await invoke(caller, 'text.watched', { text: 1 })).problem).toMatchObject({
      code: 'INVALID_PAYLOAD',
      errors: [{ path: '/text' }],
    });
    expect(seen).toEqual([]);
    expect(await invoke(caller, 'text.watched', { text: 'x' })).toEqual({ output: 'x' });
    expect(seen).toEqual(['guard', 'before', 'handler', 'after']);
  });

  it('answers with the one value of an Observable, and with null for nothing', async () => {
    expect(await invoke(caller, 'answer.one')).toEqual({ output: 'one' });
    expect(await invoke(caller, 'answer.later')).toEqual({ output: 'later' });
    expect(await invoke(caller, 'answer.empty')).toEqual({ output: null });
    expect(await invoke(caller, 'answer.nothing')).toEqual({ output: null });
  });

  it('refuses an Observable of several values, and unsubscribes from it', async () => {
    seen.length = 0;
    for (const capability of ['answer.several', 'answer.endless']) {
      const { problem } = await invoke(caller, capability);
      expect(problem).toMatchObject({ code: 'INVALID_OUTPUT', detail: expect.stringContaining('toArray()') });
    }
    expect(seen).toEqual(['unsubscribed']);
  });

  it('checks what becomes of an answer in JSON against its schema', async () => {
    expect(await invoke(caller, 'answer.date')).toEqual({
      output: { at: '1970-01-01T00:00:00.000Z', by: { id: 7 } },
    });
  });

  it('gives the invocation to @Ctx(), and what Nest’s own NATS transport gives', async () => {
    const headers = { 'Bkg-Invocation-Id': 'a'.repeat(32), traceparent: 'trace' };
    expect(await invoke(caller, 'context.show', {}, { headers })).toEqual({
      output: {
        invocationId: 'a'.repeat(32),
        capability: 'context.show',
        aborted: false,
        traceparent: 'trace',
        remains: true,
      },
    });
    expect(await invoke(caller, 'context.nats', {}, { headers: { traceparent: 'trace' } })).toEqual({
      output: { subject: 'plugin.nest.invoke.context.nats', trace: 'trace' },
    });
    expect(await invoke(caller, 'context.pass_on', { text: 'on' })).toEqual({ output: { text: 'on' } });
    expect((await invoke(caller, 'context.pass_on', {})).problem).toMatchObject({ code: 'INVALID_PAYLOAD' });
  });

  it('aborts the signal at a cancel and at the deadline', async () => {
    const late = await invoke(caller, 'context.wait', {}, { timeoutMs: 50 });
    expect(late.problem).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const cancelled = invoke(caller, 'context.wait', {}, { headers: { 'Bkg-Invocation-Id': 'mine' } });
    await eventually(() => waiting.started === 2);
    caller.publish(subjects.cancel('nest'), '{"invocation_id":"mine"}');
    expect((await cancelled).problem).toMatchObject({ code: 'CANCELLED' });
    expect(waiting.reasons).toEqual(['DEADLINE_EXCEEDED', 'CANCELLED']);
  });

  it('makes request-scoped providers anew for each invocation, with the request', async () => {
    const first = await invoke(caller, 'basket.take', { n: 1 }, { headers: { 'Bkg-Invocation-Id': 'one' } });
    const second = await invoke(caller, 'basket.take', { n: 2 }, { headers: { 'Bkg-Invocation-Id': 'two' } });
    expect(first.output).toEqual({ number: 1, data: { n: 1 }, invocation: 'one' });
    expect(second.output).toEqual({ number: 2, data: { n: 2 }, invocation: 'two' });
  });
});

@Controller()
@UseInterceptors(Watching)
class Stubborn {
  @MessagePattern('stubborn')
  async stubborn(@Payload() { ms }: { ms: number }) {
    await wait(ms);
    return ms;
  }
}

it('a handler that outlives its deadline keeps its place, behind an interceptor too', async () => {
  const limits = { max_concurrency: 1, max_queue: 0 };
  await using _ = await Application.start(
    { controllers: [Stubborn] },
    { server, id: 'stubborn', config: { limits } },
  );
  const to = { id: 'stubborn', timeoutMs: 30 };
  expect((await invoke(caller, 'stubborn', { ms: 600 }, to)).problem).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  expect((await invoke(caller, 'stubborn', { ms: 0 }, to)).problem).toMatchObject({ code: 'BUSY' });
  expect(
    await eventually(async () => (await invoke(caller, 'stubborn', { ms: 1 }, { id: 'stubborn' })).output),
  ).toBe(1);
});

@Controller()
class OfNats {
  @MessagePattern('nats', Transport.NATS)
  nats() {
    return 'nats';
  }

  @MessagePattern('bkg', bkgTransport)
  bkg() {
    return 'bkg';
  }
}

it('takes over the handlers of another transport when it is told to', async () => {
  const options = { server, id: 'takeover', transportId: Transport.NATS };
  await using _ = await Application.start({ controllers: [OfNats] }, options);
  expect(await invoke(caller, 'nats', {}, { id: 'takeover' })).toEqual({ output: 'nats' });
  expect((await invoke(caller, 'bkg', {}, { id: 'takeover' })).problem).toMatchObject({
    code: 'CAPABILITY_NOT_FOUND',
  });
});
