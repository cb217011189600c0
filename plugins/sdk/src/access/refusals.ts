import type { AuditEvent } from '../protocol/access.ts';
import { TokenBucket } from '../token-bucket.ts';

type Refusal = Omit<AuditEvent, 'time'>;

export interface RefusalsOptions {
  write: (refusal: Refusal) => void;
  /** So many are counted apart at a time; of more, all together. @default 1000 */
  windowsMost?: number;
}

/** Of one action from one address in a window; the others are counted. */
const most = 20;
const windowMs = 10_000;
/**
 * Of all addresses and actions together, of those whom nobody knows and of those whose key is known, each. The audit has an end: who
 * is refused often enough must not push out of it what was done.
 */
const budget = { rate: 0.1, burst: 300 };

interface Window {
  told: number;
  untold: number;
  last: Refusal;
  timer: NodeJS.Timeout;
}

const crowd = 'many addresses';
const unknown = '?';

/** Writes into the audit what was refused; of a flood the beginning and how much more it was. */
export class Refusals {
  readonly #options: Required<RefusalsOptions>;
  readonly #windows = new Map<string, Window>();

  readonly #budgets: Record<'known' | 'unknown', TokenBucket>;

  constructor(options: RefusalsOptions) {
    this.#options = { windowsMost: 1_000, ...options };
    const bucket = (): TokenBucket => new TokenBucket(budget, performance.now());
    this.#budgets = { known: bucket(), unknown: bucket() };
  }

  note(refusal: Refusal): void {
    const { write, windowsMost } = this.#options;
    const name = `${refusal.from} ${refusal.action}`;
    const own = this.#windows.has(name) || this.#windows.size < windowsMost ? name : crowd;
    const isFull = (this.#windows.get(own)?.told ?? 0) >= most;
    const bucket = this.#budgets[refusal.who === unknown ? 'unknown' : 'known'];
    const isTold = !isFull && bucket.take(1, performance.now());
    // The end of a window is written, too: what is only counted opens none of its own.
    const open = this.#open(isTold || isFull ? own : crowd, refusal);
    open.last = refusal;
    if (!isTold) {
      open.untold += 1;
      return;
    }
    open.told += 1;
    write(refusal);
  }

  /** Writes what is counted. */
  close(): void {
    for (const key of [...this.#windows.keys()]) this.#end(key);
  }

  #open(key: string, last: Refusal): Window {
    const known = this.#windows.get(key);
    if (known) return known;
    const timer = setTimeout(() => this.#end(key), windowMs).unref();
    const window = { told: 0, untold: 0, last, timer };
    this.#windows.set(key, window);
    return window;
  }

  #end(key: string): void {
    const window = this.#windows.get(key);
    if (!window) return;
    this.#windows.delete(key);
    clearTimeout(window.timer);
    const { last, untold } = window;
    if (untold === 0) return;
    const from = key === crowd ? '' : last.from;
    const detail = `${untold} more in ${windowMs / 1_000} s${key === crowd ? `, from ${crowd}` : ''}; this is the last.`;
    this.#options.write({ ...last, from, detail });
  }
}
