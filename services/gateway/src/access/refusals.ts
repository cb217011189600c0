import type { AuditEvent } from '@bkg/sdk';

type Refusal = Omit<AuditEvent, 'time' | 'via'>;

export interface RefusalsOptions {
  write: (event: Omit<AuditEvent, 'time'>) => void;
  /** Of one action from one address in a window; the others are counted. @default 20 */
  most?: number;
  /** @default 10000 */
  windowMs?: number;
  /** So many are counted apart at a time; of more, all together. @default 1000 */
  windowsMost?: number;
}

interface Window {
  count: number;
  last: Refusal;
  timer: NodeJS.Timeout;
}

const crowd = 'many addresses';

/** Writes into the audit what was refused; of a flood the beginning and how much more it was. */
export class Refusals {
  readonly #options: Required<RefusalsOptions>;
  readonly #windows = new Map<string, Window>();

  constructor(options: RefusalsOptions) {
    this.#options = { most: 20, windowMs: 10_000, windowsMost: 1_000, ...options };
  }

  note(refusal: Refusal): void {
    const { write, most, windowMs, windowsMost } = this.#options;
    const own = `${refusal.from} ${refusal.action}`;
    const isCrowded = !this.#windows.has(own) && this.#windows.size >= windowsMost;
    const key = isCrowded ? crowd : own;
    const open = this.#windows.get(key);
    if (open) {
      open.count += 1;
      open.last = refusal;
      if (open.count > most) return;
    } else {
      const timer = setTimeout(() => this.#end(key), windowMs).unref();
      this.#windows.set(key, { count: 1, last: refusal, timer });
    }
    write({ ...refusal, via: 'http' });
  }

  /** Writes what is counted. */
  close(): void {
    for (const key of [...this.#windows.keys()]) this.#end(key);
  }

  #end(key: string): void {
    const window = this.#windows.get(key);
    if (!window) return;
    this.#windows.delete(key);
    clearTimeout(window.timer);
    const more = window.count - this.#options.most;
    if (more <= 0) return;
    const from = key === crowd ? '' : window.last.from;
    const detail = `${more} more in ${this.#options.windowMs / 1_000} s${key === crowd ? `, from ${crowd}` : ''}; this is the last.`;
    this.#options.write({ ...window.last, from, detail, via: 'http' });
  }
}
