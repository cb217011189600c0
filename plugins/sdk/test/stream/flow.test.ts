import { describe, expect, it } from 'vitest';
import { cancelText, creditText, readFlow } from '../../src/stream/flow.ts';
import { message } from './message.ts';

describe('what the receiver of a stream says', () => {
  it('is credit, an end, or that nobody is there', () => {
    expect(readFlow(message(creditText(0)))).toEqual({ credit: 0 });
    expect(readFlow(message(creditText(1_024)))).toEqual({ credit: 1_024 });
    expect(readFlow(message(cancelText))).toBe('cancel');
    expect(readFlow(message('', { code: 503 }))).toBe('gone');
  });

  it.each([
    '',
    '{}',
    '[]',
    'null',
    '7',
    '{"credit":-1}',
    '{"credit":1.5}',
    '{"credit":1025}',
    '{"credit":"3"}',
  ])('is nothing when it reads %j', (text) => {
    expect(readFlow(message(text))).toBeUndefined();
  });

  it('is nothing when it is no UTF-8, and another status is none of ours', () => {
    expect(readFlow(message(Uint8Array.of(0xff)))).toBeUndefined();
    expect(readFlow(message('', { code: 408 }))).toBeUndefined();
  });
});
