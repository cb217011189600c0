import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Injectable, UseInterceptors } from '@nestjs/common';
import type { CallHandler, NestInterceptor } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { concat, finalize, interval, map, NEVER, of, range, tap, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { Body, bytes, Capability } from '../../src/nest/index.ts';
import type { InvocationContext } from '../../src/nest/index.ts';
import { BkgError, headerNames } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { RawCall } from '../stream/raw-call.ts';
import { Application, invoke } from './application.ts';

const seen: string[] = [];

@Injectable()
class Watching implements NestInterceptor {
  intercept(_: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(tap(() => seen.push('intercepted')));
  }
}

@Controller()
class Streams {
  @Capability('rows.generate', { chunk: Type.Object({ at: Type.String() }), output: Type.Integer() })
  async *generate(@Payload('rows') rows: number) {
    try {
      for (let i = 0; i < rows; i += 1) yield { at: new Date(i) };
      return await Promise.resolve(rows);
    } finally {
      seen.push('ended');
    }
  }

  @UseInterceptors(Watching)
  @Capability('rows.intercepted', { chunk: Type.Integer(), output: Type.Integer() })
  async *intercepted() {
    yield 1;
    yield await Promise.resolve(2);
    return 3;
  }

  @Capability('values.some', { chunk: Type.Integer() })
  some() {
    return range(0, 5);
  }

  @Capability('values.later', { chunk: Type.Integer() })
  async later() {
    await wait(1);
    return interval(1).pipe(
      map((n) => n),
      finalize(() => seen.push('unsubscribed')),
    );
  }

  @Capability('values.silent', { chunk: Type.Integer() })
  silent() {
    return interval(60_000).pipe(finalize(() => seen.push('unsubscribed')));
  }

  @Capability('values.flood', { chunk: Type.Integer() })
  flood() {
    return range(0, Infinity).pipe(finalize(() => seen.push('unsubscribed')));
  }

  @Capability('values.broken', { chunk: Type.Integer() })
  broken() {
    return concat(
      of(1),
      throwError(() => new BkgError('PLUGIN_UNAVAILABLE', 'the other one is away')),
    );
  }

  @Capability('values.none', { chunk: Type.Integer() })
  none() {
    return 7;
  }

  @Capability('values.late', { chunk: Type.Integer() })
  async late(@Ctx() { signal }: InvocationContext) {
    seen.push('begun');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return NEVER.pipe(tap({ subscribe: () => seen.push('subscribed') }));
  }

  @Capability('picture.copy', { input: bytes('image/*'), output: bytes('image/*') })
  async copy(@Payload() picture: Body, @Ctx() { respondAs }: InvocationContext) {
    respondAs(picture.contentType);
    return picture.bytes();
  }
}

let server: TestServer;
let caller: Connection;
let application: Application;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  caller = await server.connect('caller');
  application = await Application.start({ controllers: [Streams] }, { server });
}, 60_000);
beforeEach(() => void seen.splice(0));
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await server.stop();
});

const call = (capability: string, payload: unknown = {}, window = 32): RawCall =>
  new RawCall(caller, capability, { plugin: 'nest', payload, window });

describe('a Nest handler that streams', () => {
  it('may be an async generator, whose chunks are plain JSON and which returns the output', async () => {
    const stream = call('rows.generate', { rows: 2 });
    expect((await stream.last()).json()).toBe(2);
    expect(stream.chunks.map((msg) => msg.json())).toEqual([
      { at: '1970-01-01T00:00:00.000Z' },
      { at: '1970-01-01T00:00:00.001Z' },
    ]);
    expect(await invoke(caller, 'rows.generate', { rows: 2 })).toEqual({ output: 2 });
  });

  it('goes on when its receiver has room, and ends when it has gone', async () => {
    const stream = call('rows.generate', { rows: 1_000_000 }, 3);
    await stream.came(3);
    await caller.flush();
    expect([stream.msgs.length, seen]).toEqual([3, []]);
    stream.say({ cancel: true });
    expect(await stream.problem()).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => seen.includes('ended'));
  });

  it('may have interceptors', async () => {
    const stream = call('rows.intercepted');
    expect((await stream.last()).json()).toBe(3);
    expect(stream.chunks.map((msg) => msg.json())).toEqual([1, 2]);
    expect(seen).toEqual(['intercepted']);
  });

  it('may give an Observable, whose output is null', async () => {
    const stream = call('values.some');
    expect((await stream.last()).json()).toBeNull();
    expect(stream.chunks.map((msg) => msg.json())).toEqual([0, 1, 2, 3, 4]);
  });

  it.each(['values.later', 'values.silent'])('%s is unsubscribed from when it is cancelled', async (id) => {
    const stream = call(id, {}, 1_024);
    if (id === 'values.later') await stream.came(2);
    else await invoke(caller, 'values.some');
    stream.cancel();
    expect(await stream.problem()).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => seen.includes('unsubscribed'));
  });

  it('fails when its Observable is too fast for its receiver', async () => {
    const stream = call('values.flood', {}, 2);
    const problem = await stream.problem();
    expect(problem).toMatchObject({
      code: 'INTERNAL',
      detail: expect.stringContaining('is too fast: 1024 values'),
    });
    await eventually(() => seen.includes('unsubscribed'));
  });

  it('is not waited for when its Observable comes after the invocation has ended', async () => {
    const stream = call('values.late', {}, 2);
    await eventually(() => seen.length > 0);
    stream.cancel();
    expect(await stream.problem()).toMatchObject({ code: 'CANCELLED' });
    await wait(20);
    expect(seen).toEqual(['begun']);
  });

  it('fails as other handlers do, after what it has given', async () => {
    const stream = call('values.broken');
    expect(await stream.problem()).toMatchObject({
      code: 'PLUGIN_UNAVAILABLE',
      detail: 'the other one is away',
    });
    expect(stream.chunks.map((msg) => msg.json())).toEqual([1]);
    expect(await call('values.none').problem()).toMatchObject({ code: 'INTERNAL' });
  });

  it('takes and gives bytes', async () => {
    const picture = new RawCall(caller, 'picture.copy', {
      plugin: 'nest',
      payload: Uint8Array.of(1, 2, 3),
      headers: { [headerNames.contentType]: 'image/png' },
    });
    const reply = await picture.last();
    expect([Buffer.from(reply.data), reply.headers?.get(headerNames.contentType)]).toEqual([
      Buffer.of(1, 2, 3),
      'image/png',
    ]);
  });
});
