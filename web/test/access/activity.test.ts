import { describe, expect, it } from 'vitest';
import {
  eventsMost,
  withNewest,
  withOlder,
  type EventsShown,
  type SeqEvent,
} from '../../src/lib/access/activity-events.ts';

/** Events from one number down to another. */
function events(from: number, to: number): SeqEvent[] {
  return Array.from({ length: from - to + 1 }, (_, i) => ({
    seq: from - i,
    time: '2026-11-29T12:00:00.000Z',
    who: 'bkg',
    via: 'mesh',
    from: '',
    action: 'control.start',
    target: 'candle',
    result: 'ok',
  }));
}

const seqs = (shown: EventsShown) => shown.events.map(({ seq }) => seq);

describe('the events that are shown', () => {
  it('begin with the newest page', () => {
    const shown = withNewest(undefined, { events: events(9, 5), next: 5 });
    expect(seqs(shown)).toEqual([9, 8, 7, 6, 5]);
    expect(shown.hasMore).toBe(true);
  });

  it('take new ones on top, each once, and keep those that were asked for', () => {
    let shown = withNewest(undefined, { events: events(9, 7), next: 7 });
    shown = withOlder(shown, { events: events(6, 5) });
    shown = withNewest(shown, { events: events(11, 9), next: 9 });
    expect(seqs(shown)).toEqual([11, 10, 9, 8, 7, 6, 5]);
    expect(shown.hasMore).toBe(false);
  });

  it('begin anew when more has happened than one page holds: a gap would be seen by nobody', () => {
    const before = withNewest(undefined, { events: events(9, 7), next: 7 });
    const shown = withNewest(before, { events: events(30, 28), next: 28 });
    expect(seqs(shown)).toEqual([30, 29, 28]);
    expect(shown.hasMore).toBe(true);
  });

  it('are joined when only a part of the numbers was chosen', () => {
    const [nine, , seven] = events(9, 7);
    const before = withNewest(undefined, { events: [seven as SeqEvent] });
    const shown = withNewest(before, { events: [nine as SeqEvent, seven as SeqEvent] });
    expect(seqs(shown)).toEqual([9, 7]);
  });

  it('are bounded', () => {
    const shown = withOlder(withNewest(undefined, { events: events(3_000, 1_500), next: 1_500 }), {
      events: events(1_499, 500),
      next: 500,
    });
    expect(shown.events).toHaveLength(eventsMost);
    expect(shown.hasMore).toBe(false);
    const later = withNewest(shown, { events: events(3_001, 2_990), next: 2_990 });
    expect([later.events.length, later.events[0]?.seq, later.hasMore]).toEqual([eventsMost, 3_001, false]);
  });
});
