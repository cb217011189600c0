import { describe, expect, it } from 'vitest';
import { readCallHeaders } from '../src/invoke/call-headers.ts';

describe('the headers of an invocation', () => {
  it('are made when they are missing: 128 random bits and a trace that nobody samples', () => {
    const first = readCallHeaders({});
    const second = readCallHeaders({});
    expect(first.invocationId).toMatch(/^[0-9a-f]{32}$/);
    expect(first.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(first.traceparent).not.toContain(first.invocationId);
    expect(second.invocationId).not.toBe(first.invocationId);
    expect(first.isIdChosen).toBe(false);
    expect(first.timeoutMs).toBeUndefined();
    expect(first.tracestate).toBeUndefined();
  });

  it('are never the same twice', () => {
    const made = Array.from({ length: 2_000 }, () => readCallHeaders({})).flatMap((one) => [
      one.invocationId,
      one.traceparent.slice(3, 35),
    ]);
    expect(new Set(made).size).toBe(made.length);
  });

  it('are kept when they are given', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(
      readCallHeaders({
        'bkg-invocation-id': 'Mine_1-2',
        'bkg-timeout-ms': '1500',
        traceparent,
        tracestate: 'a=1,b=2',
      }),
    ).toEqual({
      invocationId: 'Mine_1-2',
      isIdChosen: true,
      timeoutMs: 1500,
      traceparent,
      tracestate: 'a=1,b=2',
    });
  });

  it.each(['', ' ', 'a b', 'a.b', 'a>', '*', 'x'.repeat(129), 'ü', 'a,b'])('refuse the id %j', (id) => {
    expect(() => readCallHeaders({ 'bkg-invocation-id': id })).toThrow('Bkg-Invocation-Id');
  });

  it.each(['', '0', '000', '-1', '1.5', '1e3', '9999999999', 'soon', '١٢'])(
    'refuse the timeout %j',
    (timeout) => {
      expect(() => readCallHeaders({ 'bkg-timeout-ms': timeout })).toThrow('Bkg-Timeout-Ms');
    },
  );

  it.each([
    '',
    'x',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x',
  ])('begin a new trace instead of the invalid %j, without its state', (given) => {
    const { traceparent, tracestate } = readCallHeaders({ traceparent: given, tracestate: 'a=1' });
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(traceparent).not.toBe(given);
    expect(tracestate).toBeUndefined();
  });
});
