import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { problemOfMsg } from '../../src/problem.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { Upload } from '../../src/stream/upload.ts';
import { eventually } from '../../src/testing.ts';
import { limits, ReelMesh } from './mesh.ts';
import { UploadCall } from './upload-call.ts';
import type { UploadCallOptions } from './upload-call.ts';

const mesh = new ReelMesh();
const upload = (capability: string, options?: UploadCallOptions): UploadCall =>
  new UploadCall(mesh.caller, capability, options);
const kib256 = new Uint8Array(256 * 1024);

describe('a payload in chunks', () => {
  it('is asked for when it is read, and read piece by piece', async () => {
    const { instance, seen } = await mesh.start();
    const sent = upload('hash', { contentType: 'text/csv' });
    await sent.wanted();
    expect(sent.signs[0]?.reply).toMatch(
      new RegExp(`^plugin\\.reel\\.flow\\.${instance.id}\\.[\\w-]{22}\\d+$`),
    );
    sent.send(Uint8Array.of(1, 2, 3));
    await eventually(() => seen.includes('read 3'));
    sent.send(Uint8Array.of(4));
    sent.end(Uint8Array.of(5, 6));
    expect((await sent.call.last()).json()).toEqual({ bytes: 6, sum: 21, type: 'text/csv' });
    expect(seen).toEqual(['read 3', 'read 1', 'read 2']);
  });

  it('gets more credit as it is read, for about 2 MiB', async () => {
    const { seen } = await mesh.start();
    const sent = upload('hash', { size: String(40 * kib256.length) });
    await sent.wanted();
    expect(sent.credit).toBe(8);
    for (let i = 0; i < 40; i += 1) {
      await eventually(() => sent.credit > i);
      expect(sent.credit - seen.length).toBeLessThanOrEqual(10);
      sent.send(kib256);
    }
    sent.end();
    expect((await sent.call.last()).json()).toMatchObject({ bytes: 40 * kib256.length });
  });

  it('gets no more than 64 chunks of credit at a time, however small they are', async () => {
    const { seen } = await mesh.start();
    const sent = upload('hash');
    await sent.wanted();
    for (let i = 0; i < 300; i += 1) {
      await eventually(() => sent.credit > i);
      sent.send('x');
    }
    await eventually(() => seen.length === 300);
    await mesh.caller.flush();
    expect(sent.credit - 300).toBeGreaterThan(8);
    expect(sent.credit - 300).toBeLessThanOrEqual(64);
    sent.end();
    expect((await sent.call.last()).json()).toMatchObject({ bytes: 300 });
  });

  it('is told that no more is wanted, when the answer takes longer', async () => {
    await mesh.start();
    const sent = upload('peek', { headers: { 'X-Work-Ms': '1000' } });
    await sent.wanted();
    sent.send('all that is wanted');
    await eventually(() => sent.signs.length === 2);
    expect(sent.signs[1]?.json()).toEqual({ cancel: true });
    expect(sent.call.msgs).toEqual([]);
    expect((await sent.call.last()).json()).toEqual({ first: 18 });
  });

  it('waits for who reads it slowly', async () => {
    await mesh.start();
    const sent = upload('peek', { headers: { 'X-Wait-Ms': '300' } });
    await wait(100);
    await mesh.caller.flush();
    expect(sent.signs).toEqual([]);
    await sent.wanted();
    sent.send('all that is wanted');
    expect((await sent.call.last()).json()).toEqual({ first: 18 });
    // What comes now is nobody's.
    sent.send('more');
    sent.end();
    await mesh.caller.flush();
  });

  it('is sent by the SDK, and piped', async () => {
    await mesh.start();
    let given = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; given < 64; given += 1) yield new Uint8Array(300_000).fill(1);
    }
    const failures: Error[] = [];
    const sending = new Upload('reel', mesh.caller, { body: source(), sizeBytes: 19_200_000 }, (error) =>
      failures.push(error),
    );
    const reply = await mesh.caller.request(subjects.invokeCapability('reel', 'hash'), '', {
      timeoutMs: 20_000,
      headers: sending.headers,
    });
    sending.close();
    expect(reply.json()).toMatchObject({ bytes: 19_200_000, sum: 19_200_000 });
    expect(failures).toEqual([]);
  });

  it('stops when the answer comes before all of it is read', async () => {
    await mesh.start();
    let given = 0;
    let hasEnded = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (; ; given += 1) yield kib256;
      } finally {
        hasEnded = true;
      }
    }
    const sending = new Upload(
      'reel',
      mesh.caller,
      { body: source(), sizeBytes: undefined },
      () => undefined,
    );
    const reply = await mesh.caller.request(subjects.invokeCapability('reel', 'peek'), '', {
      timeoutMs: 20_000,
      headers: sending.headers,
    });
    sending.close();
    expect(reply.json()).toEqual({ first: kib256.length });
    await eventually(() => hasEnded);
    expect(given).toBeLessThanOrEqual(16);
  });

  it('that is JSON is collected and checked before the handler runs', async () => {
    const { seen } = await mesh.start();
    const text = JSON.stringify({ fields: Array.from({ length: 1_000 }, () => 'é'.repeat(1_000)) });
    const data = Buffer.from(text);
    const sent = upload('fields', { size: String(data.length) });
    await sent.wanted();
    // The pieces part characters of two bytes.
    for (let at = 0, i = 0; at < data.length; at += 99_999, i += 1) {
      await eventually(() => sent.credit > i);
      sent.send(data.subarray(at, at + 99_999));
    }
    expect(seen).toEqual([]);
    sent.end();
    expect((await sent.call.last()).json()).toEqual({ fields: 1_000 });
  });

  it.each([
    ['{"fields":7}', 'must be array'],
    ['{"fields":', 'The payload is not JSON'],
    ['', 'The payload is empty'],
  ])('that is JSON and reads %s does not fit', async (text, detail) => {
    const { seen } = await mesh.start();
    const sent = upload('fields');
    await sent.wanted();
    sent.end(text);
    expect(await sent.call.problem()).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: expect.stringContaining(detail),
    });
    expect(seen).toEqual([]);
  });
});

describe('a payload in chunks that is refused', () => {
  it.each([
    ['say', { size: '10' }, 'PAYLOAD_TOO_LARGE', 'say takes no payload in chunks'],
    ['hash', { size: String(3 * 1024 * 1024) }, 'PAYLOAD_TOO_LARGE', '2097152 are taken'],
    ['fields', { size: String(9 * 1024 * 1024) }, 'PAYLOAD_TOO_LARGE', '2097152 are taken'],
    ['hash', { size: 'many' }, 'INVALID_PAYLOAD', 'how many bytes will come, or "-"'],
    ['hash', { headers: { [headerNames.flow]: '' } }, 'INVALID_PAYLOAD', 'came without Bkg-Flow'],
    [
      'hash',
      { headers: { [headerNames.flow]: '_INBOX.a b' } },
      'INVALID_PAYLOAD',
      'Bkg-Flow is "_INBOX.a b"',
    ],
    ['hash', { headers: { [headerNames.flow]: '_INBOX.>' } }, 'INVALID_PAYLOAD', 'Bkg-Flow is "_INBOX.>"'],
    ['hash', { payload: '{}' }, 'INVALID_PAYLOAD', 'has an empty body, 2 bytes were given'],
  ])('%s %j is %s at once', async (capability, options, code, detail) => {
    await mesh.start({ config: limits({ max_upload_mb: 2 }) });
    const sent = upload(capability, options);
    expect(await sent.call.problem()).toMatchObject({ code, detail: expect.stringContaining(detail) });
    expect(sent.signs).toEqual([]);
  });

  it('takes JSON up to 8 MiB whatever else is allowed', async () => {
    await mesh.start();
    const sent = upload('fields', { size: String(9 * 1024 * 1024) });
    expect(await sent.call.problem()).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      detail: expect.stringContaining('8388608 are taken'),
    });
  });

  it('counts what comes, too, by a limit that may change while the instance runs', async () => {
    const { instance } = await mesh.start();
    const config = limits({ max_upload_mb: 1 });
    const reply = await mesh.caller.request(subjects.configure('reel', instance.id), JSON.stringify(config), {
      timeoutMs: 5_000,
    });
    expect(problemOfMsg(reply)).toBeUndefined();
    const sent = upload('hash');
    await sent.wanted();
    for (let i = 0; i < 5; i += 1) sent.send(kib256);
    expect(await sent.call.problem()).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });

  it('with a subject for credit that is no inbox is dropped', async () => {
    const { instance } = await mesh.start();
    const heard: string[] = [];
    const subscription = mesh.caller.subscribe('elsewhere', { callback: () => void heard.push('credit') });
    const sent = upload('hash', { headers: { [headerNames.flow]: 'elsewhere' } });
    await mesh.call('say', { payload: { text: 'x' } }).last();
    await mesh.caller.flush();
    expect([heard, sent.call.msgs, instance.telemetry().request_count]).toEqual([[], [], 1]);
    subscription.unsubscribe();
  });

  it('is told so in the envelope', async () => {
    await mesh.start();
    const reply = await mesh.caller.request(subjects.invoke('reel'), '', {
      timeoutMs: 5_000,
      headers: { [headerNames.upload]: '-', [headerNames.flow]: '_INBOX.x.y' },
    });
    expect(problemOfMsg(reply)).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: expect.stringContaining('plugin.reel.invoke.<capability>'),
    });
  });
});

describe('a payload in chunks that goes wrong', () => {
  it.each<[string, (sent: UploadCall) => void, string]>([
    ['has a gap', (sent) => sent.send('x', { seq: 2 }), 'Chunk 1 is missing: 2 has come in its place.'],
    ['has a chunk twice', (sent) => sent.send('x', { seq: 0 }), 'Chunk 0 has come twice; 1 was due.'],
    ['ends too early', (sent) => sent.end('12'), '10 bytes of payload were announced, 3 have come.'],
    [
      'is longer',
      (sent) => sent.send('1234567890'),
      '10 bytes of payload were announced, at least 11 have come.',
    ],
    ['has a chunk too large', (sent) => sent.send(new Uint8Array(262_145)), 'it takes at most 262144'],
  ])('%s', async (_, go, detail) => {
    const { reasons, instance } = await mesh.start();
    const size = detail.startsWith('it takes') ? '-' : '10';
    const sent = upload('hash', { size });
    await sent.wanted();
    sent.send('0');
    go(sent);
    const problem = await sent.call.problem();
    expect(problem).toMatchObject({ code: 'INVALID_PAYLOAD', detail: expect.stringContaining(detail) });
    // The handler that reads it hears the same.
    await eventually(() => reasons.length === 1);
    expect(reasons).toMatchObject([{ code: 'INVALID_PAYLOAD' }]);
    expect(instance.openFlows).toBe(0);
  });

  it('sends more than it has credit for', async () => {
    await mesh.start();
    const sent = upload('peek', { headers: { 'X-Wait-Ms': '0' } });
    await sent.wanted();
    for (let i = 0; i < 200; i += 1) sent.send('x');
    await sent.call.last();
    const slow = upload('slow');
    await slow.wanted();
    for (let i = 0; i < 10; i += 1) slow.send('x');
    expect(await slow.call.problem()).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: 'Its sender sends more chunks than it has credit for.',
    });
  });

  it('sends nothing although it may', async () => {
    const { reasons } = await mesh.start({ streamPatienceMs: 300 });
    const sent = upload('hash');
    await sent.wanted();
    sent.send('x');
    expect(await sent.call.problem()).toMatchObject({
      code: 'CANCELLED',
      detail: 'The sender of the payload has sent nothing for 300 ms, although it may.',
    });
    await eventually(() => reasons.length === 1);
  });

  it('is cancelled', async () => {
    const { reasons } = await mesh.start();
    const sent = upload('hash');
    await sent.wanted();
    sent.call.cancel();
    expect(await sent.call.problem()).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => reasons.length === 1);
  });

  it('is not through at the deadline, JSON that is collected included', async () => {
    await mesh.start();
    const headers = { [headerNames.timeoutMs]: '200' };
    for (const capability of ['hash', 'fields']) {
      const sent = upload(capability, { headers });
      await sent.wanted();
      sent.send('x');
      expect(await sent.call.problem()).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
  });

  it('loses its sender, which the broker says at the next credit', async () => {
    const { instance } = await mesh.start();
    const gone = await mesh.server.connect('gone');
    new UploadCall(gone, 'peek', { headers: { 'X-Wait-Ms': '300' } });
    await eventually(() => instance.telemetry().in_flight === 1);
    await gone.nats.close();
    await eventually(() => instance.telemetry().error_count === 1);
    expect(instance.telemetry().last_error).toBe('CANCELLED: The sender of the payload is gone.');
  });
});
