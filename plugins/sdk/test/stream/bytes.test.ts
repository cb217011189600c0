import { describe, expect, it } from 'vitest';
import { problemOfMsg } from '../../src/problem.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { ReelMesh } from './mesh.ts';

const mesh = new ReelMesh();
const picture = Uint8Array.from({ length: 1_000 }, (_, i) => i % 256);
const ofType = (type: string): Record<string, string> => ({ [headerNames.contentType]: type });

describe('bytes as a payload', () => {
  it('go through as they are, with their content type, in both directions', async () => {
    await mesh.start();
    const headers = ofType('image/png; quality=1');
    const reply = await mesh.call('thumbnail', { payload: picture, headers }).last();
    expect(reply.data).toEqual(Buffer.from(picture));
    expect(reply.headers?.get(headerNames.contentType)).toBe('image/png; quality=1');
  });

  it('are octets when nobody says what they are', async () => {
    await mesh.start();
    const reply = await mesh.call('hash', { payload: picture }).last();
    expect(reply.json()).toEqual({
      bytes: 1_000,
      sum: picture.reduce((sum, one) => sum + one, 0),
      type: 'application/octet-stream',
    });
  });

  it.each([{}, ofType('audio/wav'), ofType('image/*'), ofType('nonsense')])(
    'are refused as %j where pictures are taken',
    async (headers) => {
      const { instance } = await mesh.start();
      const problem = await mesh.call('thumbnail', { payload: picture, headers }).problem();
      expect(problem).toMatchObject({
        code: 'INVALID_PAYLOAD',
        detail: `The content type ${headers[headerNames.contentType] ?? 'application/octet-stream'} was given; allowed is image/*.`,
      });
      expect(instance.telemetry().error_count).toBe(1);
    },
  );

  it('are refused where JSON is taken, and in the envelope, which says where to send them', async () => {
    await mesh.start();
    const headers = ofType('image/png');
    expect(await mesh.call('say', { payload: picture, headers }).problem()).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: 'The content type image/png was given; allowed is application/json.',
    });
    const envelope = await mesh.caller.request(subjects.invoke('reel'), '{"capability":"thumbnail"}', {
      timeoutMs: 5_000,
    });
    expect(problemOfMsg(envelope)).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail:
        'thumbnail takes bytes (image/*), which JSON cannot hold: send them as they are to plugin.reel.invoke.thumbnail.',
    });
  });
});

describe('bytes as an answer', () => {
  it('need a content type where several are possible', async () => {
    await mesh.start();
    const headers = ofType('image/png');
    const problem = await mesh.call('thumbnail', { payload: new Uint8Array(0), headers }).problem();
    expect(problem).toMatchObject({
      code: 'INVALID_OUTPUT',
      detail: expect.stringContaining('its handler has to choose one of image/* with respondAs'),
    });
  });

  it('come in pieces with the content type on the first', async () => {
    await mesh.start();
    const call = mesh.call('read', { window: 64, payload: { bytes: 50, piece: 10, type: 'audio/wav' } });
    expect((await call.last()).json()).toEqual({ bytes: 50 });
    expect(call.chunks.map(({ headers }) => headers?.get(headerNames.contentType))).toEqual([
      'audio/wav',
      '',
      '',
      '',
      '',
    ]);
  });

  it('are what they were when they were yielded, although the handler has one buffer for all', async () => {
    await mesh.start();
    const call = mesh.call('read', { window: 64, payload: { bytes: 30_000, piece: 1_000 } });
    await call.last();
    const came = call.chunks.map(({ data }) => [data.length, new Set(data).size, data[0]]);
    expect(came).toEqual(Array.from({ length: 30 }, (_, i) => [1_000, 1, i]));
    expect(call.msgs[0]?.headers?.get(headerNames.contentType)).toBe('application/octet-stream');
  });

  it.each([
    [1, 256],
    [2, 256],
    [8, 64],
    [1_024, 16],
  ])('are cut, for a window of %i, into pieces of %i KiB', async (window, kib) => {
    await mesh.start();
    const stream = mesh.caller.requestStream(
      subjects.invokeCapability('reel', 'read'),
      JSON.stringify({ bytes: 1_000_000, piece: 1_000_000 }),
      { plugin: 'reel', timeoutMs: 10_000, window },
    );
    const lengths = await Array.fromAsync(stream, ({ data }) => data.length);
    expect(new Set(lengths.slice(0, -1))).toEqual(new Set([kib * 1024]));
    expect(lengths.reduce((sum, one) => sum + one, 0)).toBe(1_000_000);
  });

  it('that come as chunks are refused to who takes none', async () => {
    await mesh.start();
    expect(await mesh.call('read', { payload: { bytes: 1, piece: 1 } }).problem()).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail:
        'read answers with bytes in chunks (*/*): send Bkg-Stream with the number that you take, such as 32.',
    });
  });

  it('have a content type that can be one', async () => {
    await mesh.start();
    const call = mesh.call('read', { window: 4, payload: { bytes: 1, piece: 1, type: 'nonsense' } });
    expect(await call.problem()).toMatchObject({ code: 'INTERNAL' });
  });
});
