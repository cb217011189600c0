import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { INestMicroservice } from '@nestjs/common';
import type { Msg } from '@nats-io/nats-core';
import { of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import type { BkgContext } from '../../src/nest/index.ts';
import { BkgExceptionFilter, BkgServer } from '../../src/nest/index.ts';
import { problemOfMsg } from '../../src/problem.ts';
import { BkgError } from '../../src/protocol/errors.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { RawClient } from '../access/raw-client.ts';
import { collectGarbage } from '../collect-garbage.ts';

const heard: unknown[] = [];
const answered: WeakRef<object>[] = [];

class Orders {
  take(payload: unknown, context: BkgContext) {
    return { payload, subject: context.subject, trace: context.header('traceparent') };
  }
  several() {
    return of(1, 2, 3);
  }
  forget() {
    const answer = { text: 'x' };
    answered.push(new WeakRef(answer));
    return answer;
  }
  refuse() {
    throw new BkgError('CONFLICT', 'already done');
  }
  break() {
    throw new Error('the password is hunter2');
  }
  async slow(_: unknown, context: BkgContext) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    return { aborted: context.signal.aborted };
  }
  note(payload: unknown) {
    heard.push(payload);
  }
}

// Decorators as calls: these sources run without a compiler.
const decorate = (name: keyof Orders, pattern: MethodDecorator): void => {
  pattern(Orders.prototype, name, Object.getOwnPropertyDescriptor(Orders.prototype, name)!);
  Payload()(Orders.prototype, name, 0);
  Ctx()(Orders.prototype, name, 1);
};
decorate('take', MessagePattern('shop.take.*'));
decorate('several', MessagePattern('shop.several'));
decorate('forget', MessagePattern('shop.forget'));
decorate('refuse', MessagePattern('shop.refuse'));
decorate('break', MessagePattern('shop.break'));
decorate('slow', MessagePattern('shop.slow'));
decorate('note', EventPattern('shop.note') as MethodDecorator);
Controller()(Orders);
class Shop {}
Module({ controllers: [Orders] })(Shop);

let server: TestServer;
let caller: Connection;
let app: INestMicroservice;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  const connection = await server.connect('shop');
  const strategy = new BkgServer({ connection, log: silentLogger, queue: 'shop', timeoutMs: 1_000 });
  app = await NestFactory.createMicroservice<MicroserviceOptions>(Shop, { strategy, logger: false });
  app.useGlobalFilters(new BkgExceptionFilter());
  await app.listen();
});
afterAll(async () => {
  await app.close();
  await server.stop();
});

const ask = (subject: string, body = '', headers = {}) =>
  caller.request(subject, body, { timeoutMs: 2_000, headers });

describe('a Nest controller on bkg', () => {
  it('answers plain JSON with plain JSON, by a pattern with a wildcard', async () => {
    const reply = await ask('shop.take.cake', '{"data": 1, "id": "x"}', { traceparent: 'abc' });
    expect(reply.json()).toEqual({ payload: { data: 1, id: 'x' }, subject: 'shop.take.cake', trace: 'abc' });
    expect((await ask('shop.take.cake')).json()).toEqual({ subject: 'shop.take.cake' });
    expect((await ask('shop.several')).json()).toBe(3);
  });

  it('hears events', async () => {
    caller.publish('shop.note', '{"n":1}');
    await eventually(() => heard.length === 1);
    expect(heard).toEqual([{ n: 1 }]);
    expect(await caller.requestMany('shop.note', '{"n":2}', { forMs: 100 })).toEqual([]);
    expect(heard).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('fails with the error it throws, and tells nothing of one that nobody foresaw', async () => {
    expect(problemOfMsg(await ask('shop.refuse'))).toMatchObject({
      code: 'CONFLICT',
      detail: 'already done',
    });
    const broken = await ask('shop.break');
    expect(problemOfMsg(broken)).toMatchObject({ code: 'INTERNAL', status: 500 });
    expect(broken.string()).not.toContain('hunter2');
    expect(problemOfMsg(await ask('shop.refuse', '{'))).toMatchObject({ code: 'INVALID_PAYLOAD' });
  });

  it('answers at the caller’s deadline', async () => {
    const late = await ask('shop.slow', '', { 'Bkg-Timeout-Ms': '40' });
    expect(problemOfMsg(late)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect((await ask('shop.slow')).json()).toEqual({ aborted: false });
  });

  it('keeps no answer that it has given', async () => {
    for (let i = 0; i < 10; i += 1) await ask('shop.forget');
    await eventually(() => {
      collectGarbage();
      return answered.every((one) => one.deref() === undefined);
    });
    expect(answered).toHaveLength(10);
  });

  it('goes on after a message whose headers cannot be read, and says what is wrong with a request', async () => {
    const { user, password } = server.credentials;
    const raw = new RawClient(Number(new URL(server.url).port), { user, pass: password, headers: true });
    const reply = '_INBOX.raw.1';
    const answers: Msg[] = [];
    caller.subscribe(reply, { callback: (_, msg) => void answers.push(msg) });
    await caller.flush();
    const head = 'NATS/1.0\r\nno name: x\r\n\r\n';
    const hpub = (subject: string, to: string): string =>
      `HPUB ${subject} ${to} ${head.length} ${head.length + 2}\r\n${head}{}`;
    expect(await raw.say([hpub('shop.several', reply), hpub('shop.note', '')])).toEqual([]);
    raw.close();
    await eventually(() => answers.length > 0);
    expect(problemOfMsg(answers[0]!)).toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect((await ask('shop.several')).json()).toBe(3);
  });

  it('never publishes to a reply subject outside of _INBOX', async () => {
    const elsewhere: string[] = [];
    caller.subscribe('elsewhere', { callback: (_, msg) => void elsewhere.push(msg.subject) });
    caller.nats.publish('shop.several', '', { reply: 'elsewhere' });
    await ask('shop.several');
    expect(elsewhere).toEqual([]);
  });
});
