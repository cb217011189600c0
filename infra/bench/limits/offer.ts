import { setTimeout as delay } from 'node:timers/promises';

export type Outcome = 'admitted' | 'limited' | 'failed';

export interface Offered {
  /** From the first to the last that was sent. */
  seconds: number;
  sent: number;
  admitted: number;
  limited: number;
  failed: number;
  /** Admitted, by the second in which they were sent; the last may be a part of one. */
  bySecond: number[];
}

const everyMs = 5;

/**
 * Sends so many a second, whether those before them are answered or not.
 * @param send the n-th; says what became of it
 */
export async function offer(
  perSecond: number,
  seconds: number,
  send: (n: number) => Promise<Outcome>,
): Promise<Offered> {
  const counts: Record<Outcome, number> = { admitted: 0, limited: 0, failed: 0 };
  const bySecond: number[] = [];
  const underWay: Promise<void>[] = [];
  const startedAt = performance.now();
  const total = Math.floor(perSecond * seconds);
  let lastAt = startedAt;
  const one = async (n: number, sentAt: number): Promise<void> => {
    const outcome = await send(n);
    counts[outcome] += 1;
    const second = Math.floor((sentAt - startedAt) / 1_000);
    while (bySecond.length <= second) bySecond.push(0);
    if (outcome === 'admitted') bySecond[second] = (bySecond[second] ?? 0) + 1;
  };
  while (underWay.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) * perSecond) / 1_000));
    while (underWay.length < due) {
      lastAt = performance.now();
      underWay.push(one(underWay.length, lastAt));
    }
    await delay(everyMs);
  }
  await Promise.all(underWay);
  return { seconds: (lastAt - startedAt) / 1_000, sent: total, ...counts, bySecond };
}
