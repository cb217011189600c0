import { ascending, percentile } from '../../figures.ts';
import type { Caller } from './caller.ts';
import { ok } from './outcome.ts';
import type { Outcome } from './outcome.ts';

export interface PhaseOrder {
  /** Infinity: one as soon as another is answered. */
  perSecond: number;
  /** What is due while so many are without an answer is held back, and counted. */
  mostUnderWay: number;
  seconds: number;
}

/** Of the invocations that were sent in a second. */
export interface Second {
  sent: number;
  heldBack: number;
  ok: number;
  /** In ms, of those that were `ok`; NaN when none was. */
  p50: number;
}

export interface Offered {
  seconds: number;
  sent: number;
  heldBack: number;
  /** Not sent because this process was late: a burst of them would be another load. */
  missed: number;
  /** How often, by what became of them. */
  outcomes: Record<Outcome, number>;
  /** In ms, of those that were `ok`. */
  p50: number;
  p99: number;
  bySecond: Second[];
  /** How late this process was for its own timer: then it may not have seen an answer that was there. */
  lateMostMs: number;
}

interface Count extends Omit<Second, 'p50'> {
  latencies: number[];
}

const everyMs = 1;
/** What was due longer ago is not sent any more. */
const catchUpMs = 25;

/** Invocations at a fixed rate, whether those before them are answered or not, as far as there is room for them. */
export class Phase {
  readonly #order: PhaseOrder;
  readonly #caller: Caller;
  readonly #outcomes: Record<Outcome, number> = {};
  readonly #counts: Count[] = [];
  readonly #answers = new Set<Promise<void>>();
  readonly #startedAt = performance.now();
  /** Sent, held back or missed. */
  #taken = 0;
  #missed = 0;
  #next = 0;
  #isOver = false;
  #lastAt = performance.now();
  #lateMostMs = 0;
  /** When nothing more is sent. */
  readonly sent: Promise<void>;

  constructor(caller: Caller, order: PhaseOrder) {
    this.#caller = caller;
    this.#order = order;
    const over = Promise.withResolvers<void>();
    this.sent = over.promise;
    const timer = setInterval(() => {
      this.#look();
      if (!this.#isOver) return this.#send();
      clearInterval(timer);
      over.resolve();
    }, everyMs);
  }

  /** When everything is answered. */
  async result(): Promise<Offered> {
    await this.sent;
    await Promise.all(this.#answers);
    const latencies = this.#counts.flatMap((count) => count.latencies).sort(ascending);
    const sum = (of: (count: Count) => number): number =>
      this.#counts.reduce((all, count) => all + of(count), 0);
    return {
      seconds: this.#order.seconds,
      sent: sum(({ sent }) => sent),
      heldBack: sum(({ heldBack }) => heldBack),
      missed: this.#missed,
      outcomes: this.#outcomes,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      bySecond: this.#counts.map(({ latencies: some, ...count }) => ({
        ...count,
        p50: percentile(some.sort(ascending), 0.5),
      })),
      lateMostMs: this.#lateMostMs,
    };
  }

  #look(): void {
    const now = performance.now();
    this.#lateMostMs = Math.max(this.#lateMostMs, now - this.#lastAt - everyMs);
    this.#lastAt = now;
    this.#isOver ||= now - this.#startedAt >= this.#order.seconds * 1_000;
  }

  #send(): void {
    const { perSecond, mostUnderWay } = this.#order;
    const passedMs = performance.now() - this.#startedAt;
    const count = this.#countOf(passedMs);
    const room = mostUnderWay - this.#answers.size;
    const due = perSecond === Infinity ? room : this.#takeDue(passedMs);
    count.sent += Math.min(due, room);
    count.heldBack += Math.max(0, due - room);
    for (let i = 0; i < Math.min(due, room); i += 1) this.#one(count);
  }

  #takeDue(passedMs: number): number {
    const { perSecond } = this.#order;
    const due = Math.ceil((passedMs * perSecond) / 1_000) - this.#taken;
    const most = Math.ceil((catchUpMs * perSecond) / 1_000);
    this.#taken += due;
    this.#missed += Math.max(0, due - most);
    return Math.min(due, most);
  }

  #one(count: Count): void {
    const sentAt = performance.now();
    const answer = this.#caller.call(String((this.#next += 1))).then((outcome) => {
      this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
      this.#answers.delete(answer);
      if (outcome === ok) {
        count.ok += 1;
        count.latencies.push(performance.now() - sentAt);
      }
      // The next one is not to wait for the timer.
      if (!this.#isOver && this.#order.perSecond === Infinity) this.#send();
    });
    this.#answers.add(answer);
  }

  #countOf(passedMs: number): Count {
    const second = Math.floor(passedMs / 1_000);
    while (this.#counts.length <= second) this.#counts.push({ sent: 0, heldBack: 0, ok: 0, latencies: [] });
    return this.#counts[second] as Count;
  }
}
