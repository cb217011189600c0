import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/json.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { eventually } from '../../src/testing.ts';
import { limits, ReelMesh } from './mesh.ts';

const mesh = new ReelMesh();

describe('a streaming reply', () => {
  it('comes as numbered chunks, each with the flow subject, and ends with the output', async () => {
    const { instance } = await mesh.start();
    const call = mesh.call('count', { window: 8, payload: { to: 3 } });
    const last = await call.last();
    expect(call.chunks.map((msg) => msg.json())).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
    expect(call.numbers).toEqual([0, 1, 2, 3]);
    expect(new Set(call.chunks.map(({ reply }) => reply)).size).toBe(1);
    expect(call.flow).toMatch(new RegExp(`^plugin\\.reel\\.flow\\.${instance.id}\\.[\\w-]{22}\\d+$`));
    expect(last.reply).toBe('');
    expect(last.headers?.get(headerNames.end)).toBe('4');
    expect(last.json()).toEqual({ counted: 3 });
    const { request_count: requests, error_count: errors } = instance.telemetry();
    expect([requests, errors]).toEqual([1, 0]);
  });

  it('waits for credit, and counts what it is given', async () => {
    const { instance } = await mesh.start();
    const call = mesh.call('count', { window: 2, payload: { to: 10 } });
    await call.came(2);
    call.say({ credit: 3 });
    await call.came(5);
    await mesh.caller.flush();
    expect(call.msgs).toHaveLength(5);
    expect(instance.telemetry().in_flight).toBe(1);
    call.say({ credit: 0 });
    for (const nonsense of [{ credit: -1 }, { credit: 1.5 }, { credit: 5000 }, { credits: 3 }, []])
      call.say(nonsense);
    await mesh.caller.flush();
    expect(call.msgs).toHaveLength(5);
    call.say({ credit: 1024 });
    await call.last();
    expect(call.numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('has text of any kind in its chunks', async () => {
    await mesh.start();
    const call = mesh.call('count', { window: 8, payload: { to: 2, pad: 50_000 } });
    await call.last();
    expect(call.chunks.map((msg) => msg.json<{ pad: string }>().pad)).toEqual(
      Array.from({ length: 2 }, () => 'é'.repeat(50_000)),
    );
  });

  it('is the output alone for who asks for no chunks', async () => {
    const { seen } = await mesh.start();
    const call = mesh.call('count', { payload: { to: 3 } });
    const last = await call.last();
    expect(call.msgs).toHaveLength(1);
    expect(last.json()).toEqual({ counted: 3 });
    expect(last.headers).toBeUndefined();
    expect(seen).toEqual(['ended at 3']);
  });

  it('is run to its end also when nobody is told', async () => {
    const { seen } = await mesh.start();
    mesh.caller.publish(subjects.invokeCapability('reel', 'read'), '{"bytes":10,"piece":5}', {
      [headerNames.stream]: '1',
    });
    mesh.caller.publish(subjects.invokeCapability('reel', 'count'), '{"to":10}', {
      [headerNames.stream]: '1',
    });
    await eventually(() => seen.includes('ended at 10'));
  });

  it('may be asked for with the capability in the body', async () => {
    await mesh.start();
    const body = JSON.stringify({ capability: 'count', payload: { to: 1 } });
    const stream = mesh.caller.requestStream(subjects.invoke('reel'), body, {
      plugin: 'reel',
      timeoutMs: 5_000,
    });
    const chunks: unknown[] = [];
    for await (const { data } of stream) chunks.push(parseJson(data));
    expect([chunks, (await stream.last).json()]).toEqual([[{ n: 0 }], { counted: 1 }]);
  });

  it('refuses a window that is none', async () => {
    const { seen } = await mesh.start();
    for (const window of ['0', '1025', 'many', '-1', '1.5']) {
      const problem = await mesh.call('count', { window, payload: { to: 1 } }).problem();
      expect(problem).toMatchObject({
        code: 'INVALID_PAYLOAD',
        detail: `The header Bkg-Stream is "${window}"; it takes the number of chunks that you take, 1 to 1024.`,
      });
    }
    expect(seen).toEqual([]);
  });

  it('is one reply of a capability that does not stream', async () => {
    await mesh.start();
    const call = mesh.call('say', { window: 4, payload: { text: 'hello' } });
    expect((await call.last()).json()).toEqual({ text: 'hello' });
    expect(call.msgs[0]?.headers).toBeUndefined();
  });

  it('carries ten thousand small chunks in their order', async () => {
    await mesh.start();
    const stream = mesh.caller.requestStream(
      subjects.invokeCapability('reel', 'count'),
      JSON.stringify({ to: 10_000, pad: 45 }),
      { plugin: 'reel', timeoutMs: 30_000 },
    );
    let expected = 0;
    for await (const { data } of stream) {
      expect(parseJson(data)).toMatchObject({ n: expected });
      expected += 1;
    }
    expect([expected, (await stream.last).json()]).toEqual([10_000, { counted: 10_000 }]);
  }, 60_000);

  it('leaves the event loop to others although it never waits', async () => {
    const { seen } = await mesh.start();
    const endless = [
      ...Array.from({ length: 4 }, () => mesh.call('forever', {})),
      ...Array.from({ length: 4 }, () => mesh.call('forever', { window: 1024 })),
    ];
    const reply = await mesh.call('say', { payload: { text: 'in between' } }).last();
    expect(reply.json()).toEqual({ text: 'in between' });
    for (const call of endless) call.cancel();
    for (const call of endless) expect(await call.problem()).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => seen.filter((one) => one === 'ended').length === 8);
  });
});

describe('a stream that fails', () => {
  it('before its first chunk is one reply', async () => {
    await mesh.start();
    const call = mesh.call('count', { window: 8, payload: { to: 'three' } });
    expect(await call.problem()).toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(call.msgs[0]?.headers?.get(headerNames.seq)).toBe('');
  });

  it.each([
    ['chunk', 'INVALID_OUTPUT', 'The result of wrong cannot be handed out: it must be integer.'],
    ['circular', 'INVALID_OUTPUT', 'A chunk of wrong is no JSON value.'],
    ['return', 'INVALID_OUTPUT', 'The result of wrong cannot be handed out: it must be integer.'],
    ['declared', 'REEL_TORN', 'it is torn'],
    ['throw', 'INTERNAL', 'its log says why'],
  ])('in its middle (%s) ends with a last frame that says so', async (how, code, detail) => {
    const { seen, instance } = await mesh.start();
    const call = mesh.call('wrong', { window: 8, payload: { how } });
    expect(await call.problem()).toMatchObject({ code, detail: expect.stringContaining(detail) });
    expect(call.numbers).toEqual([0, 1]);
    const last = await call.last();
    expect(last.headers?.get(headerNames.end)).toBe('2');
    expect(last.headers?.get(headerNames.error)).toMatch(new RegExp(`^${code}: `));
    await eventually(() => seen.length === 1);
    expect([instance.telemetry().request_count, instance.telemetry().error_count]).toEqual([1, 1]);
  });

  it('says of a chunk that is too large what the broker takes', async () => {
    await mesh.start();
    const call = mesh.call('wrong', { window: 8, payload: { how: 'large' } });
    expect(await call.problem()).toMatchObject({ code: 'INVALID_OUTPUT' });
  });
});

describe('a stream that nobody wants any more', () => {
  it.each(['cancel', 'flow'])('ends by %s while it waits for credit', async (how) => {
    const { seen, reasons } = await mesh.start();
    const call = mesh.call('count', { window: 2, payload: { to: 100 } });
    await call.came(2);
    if (how === 'cancel') call.cancel();
    else call.say({ cancel: true });
    expect(await call.problem()).toMatchObject({ code: 'CANCELLED' });
    expect(call.numbers).toEqual([0, 1, 2]);
    await eventually(() => seen[0] === 'ended at 2');
    expect(reasons).toMatchObject([{ code: 'CANCELLED' }]);
  });

  it('ends while the handler waits for something else, which hears of it', async () => {
    const { seen, begun } = await mesh.start();
    const call = mesh.call('count', { window: 8, payload: { to: 2, everyMs: 60_000 } });
    await eventually(() => begun.times === 1);
    call.cancel();
    expect(await call.problem()).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => seen[0] === 'ended at 0');
  });

  it('is answered at once, and keeps its place until the handler has ended', async () => {
    const { seen, instance } = await mesh.start({ config: limits({ max_concurrency: 1, max_queue: 0 }) });
    const call = mesh.call('deaf', { window: 8, payload: { ms: 500 } });
    await call.came(1);
    call.cancel();
    expect(await call.problem()).toMatchObject({ code: 'CANCELLED' });
    expect(seen).toEqual([]);
    const busy = await mesh.call('say', { payload: { text: 'x' } }).last();
    expect(busy.headers?.get(headerNames.instance)).toBe(instance.id);
    await eventually(() => seen[0] === 'ended');
    await eventually(async () => {
      const reply = await mesh.call('say', { payload: { text: 'x' } }).last();
      return !reply.headers;
    });
  });

  it('tells an iterable that is no generator to return', async () => {
    const { seen } = await mesh.start();
    const call = mesh.call('queue', { window: 8 });
    await call.came(2);
    call.cancel();
    expect(await call.problem()).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => seen[0] === 'returned');
  });

  it('ends when nobody listens to the reply subject any more', async () => {
    const { seen, reasons } = await mesh.start();
    const gone = await mesh.server.connect('gone');
    const call = mesh.call('count', { window: 1_000, payload: { to: 1_000, everyMs: 10 } }, gone);
    await call.came(1);
    await gone.nats.close();
    await eventually(() => seen.length === 1);
    expect(reasons).toMatchObject([
      { code: 'CANCELLED', message: 'Nobody listens to the reply subject any more.' },
    ]);
  });

  it('ends when its receiver gives no sign, and goes on as long as it does', async () => {
    const { seen, reasons } = await mesh.start({ streamPatienceMs: 2_000 });
    const call = mesh.call('count', { window: 1, payload: { to: 10 } });
    await call.came(1);
    for (let i = 0; i < 8; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      call.say({ credit: 0 });
    }
    await mesh.caller.flush();
    expect([seen, call.msgs.length]).toEqual([[], 1]);
    expect(await call.problem()).toMatchObject({
      code: 'CANCELLED',
      detail: 'Its receiver has taken nothing, and given no sign, for 2000 ms.',
    });
    await eventually(() => seen[0] === 'ended at 1');
    expect(reasons).toMatchObject([{ code: 'CANCELLED' }]);
  });

  it('ends at the deadline, which is one for all of it', async () => {
    const { seen } = await mesh.start();
    const call = mesh.call('count', {
      window: 1024,
      payload: { to: 1_000_000, everyMs: 20 },
      headers: { [headerNames.timeoutMs]: '2000' },
    });
    expect(await call.problem()).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(call.msgs.length).toBeGreaterThan(1);
    expect(call.numbers).toEqual(call.msgs.map((_, i) => i));
    await eventually(() => seen.length === 1);
  });
});

describe('an instance that ends', () => {
  it('waits for its streams', async () => {
    const { instance } = await mesh.start();
    const call = mesh.call('count', { window: 2, payload: { to: 6 } });
    await call.came(2);
    const drained = instance.drain(10_000);
    await eventually(() => instance.status === 'stopping');
    call.say({ credit: 100 });
    expect((await call.last()).json()).toEqual({ counted: 6 });
    await drained;
  });

  it('ends them when its grace is over', async () => {
    const { instance, seen } = await mesh.start();
    const call = mesh.call('forever', { window: 2 });
    await call.came(2);
    await instance.drain(50);
    expect(await call.problem()).toMatchObject({ code: 'PLUGIN_CRASHED' });
    expect(call.numbers).toEqual([0, 1, 2]);
    expect(seen).toEqual(['ended']);
  });
});
