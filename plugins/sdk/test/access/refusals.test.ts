import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Refusals } from '../../src/access/refusals.ts';
import type { AuditEvent } from '../../src/protocol/access.ts';

let written: Omit<AuditEvent, 'time'>[];
let refusals: Refusals;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  written = [];
  refusals = new Refusals({ write: (event) => written.push(event) });
});

afterEach(() => {
  refusals.close();
  vi.useRealTimers();
});

const refusal = (from: string, action = 'read', who = '?') => ({
  who,
  via: 'http' as const,
  from,
  action,
  target: 'one',
  result: 'UNAUTHENTICATED' as const,
});

it('a flood of many actions from many addresses does not push out of the audit what was done', () => {
  for (let second = 0; second < 3_600; second += 1) {
    for (let i = 0; i < 50; i += 1)
      refusals.note(refusal(`2001:db8::${(second * 50 + i).toString(16)}`, `a${i}`));
    vi.advanceTimersByTime(1_000);
  }
  // Of 180,000; the audit holds 100,000 events.
  expect(written.length).toBeLessThan(1_500);
  expect(written.at(-1)?.detail).toMatch(/^\d+ more in 10 s, from many addresses/);
});

it('nor hides what was refused to a key that is known', () => {
  for (let i = 0; i < 1_000; i += 1) refusals.note(refusal(`192.0.2.${i}`));
  refusals.note(refusal('192.0.2.1', 'key.create', 'Kaaaaaaaaa'));
  expect(written.at(-1)).toMatchObject({ who: 'Kaaaaaaaaa', action: 'key.create' });
});
