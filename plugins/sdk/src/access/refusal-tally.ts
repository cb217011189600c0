import type { AuditEvent } from '../protocol/access.ts';

type Refusal = Omit<AuditEvent, 'time'>;

/** One address, from its first refusal until the window is over. */
interface Window {
  told: number;
  /** The last one that was not told, and how many there were. */
  last: Refusal | undefined;
  untold: number;
  timer: NodeJS.Timeout;
}

const windowMs = 10_000;
const toldMost = 20;
const addressesMost = 1_000;

/**
 * Tells of refusals so that a flood of them fills no log: of each address the first 20 within 10 s one by one, and of
 * the others how many there were.
 */
export class RefusalTally {
  readonly #tell: (refusal: Refusal) => void;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(tell: (refusal: Refusal) => void, ofMs = windowMs) {
    this.#tell = tell;
    this.#windowMs = ofMs;
  }

  add(refusal: Refusal): void {
    const window = this.#windowOf(refusal.from);
    if (window.told < toldMost) {
      window.told += 1;
      this.#tell(refusal);
    } else {
      window.untold += 1;
      window.last = refusal;
    }
  }

  /** Tells what is not told yet. */
  close(): void {
    for (const address of this.#windows.keys()) this.#end(address);
  }

  #windowOf(from: string): Window {
    // Those that come from too many addresses share one window.
    const address = this.#windows.has(from) || this.#windows.size < addressesMost ? from : '';
    const known = this.#windows.get(address);
    if (known) return known;
    const timer = setTimeout(() => this.#end(address), this.#windowMs).unref();
    const window: Window = { told: 0, untold: 0, last: undefined, timer };
    this.#windows.set(address, window);
    return window;
  }

  #end(address: string): void {
    const window = this.#windows.get(address);
    if (!window) return;
    clearTimeout(window.timer);
    this.#windows.delete(address);
    const { last, untold } = window;
    if (last)
      this.#tell({
        ...last,
        who: '?',
        target: '',
        detail: `${untold} more within ${this.#windowMs / 1_000} s, the last one: ${last.detail ?? last.result}`,
      });
  }
}
