import { closeSync, openSync, writeSync } from 'node:fs';
import { now } from '../bench/clock.ts';

/** What happened, a line of JSON each, written at once: it must be there when everything else has gone wrong. */
export class ChaosLog implements Disposable {
  readonly file: string;
  readonly #handle: number;
  readonly #say: (text: string) => void;
  readonly #startedAt = now();

  constructor(file: string, say: (text: string) => void) {
    this.file = file;
    this.#handle = openSync(file, 'w');
    this.#say = say;
  }

  /** @param what as a sentence for people */
  note(kind: string, what: string, more: object = {}): void {
    const at = now();
    const line = {
      at: new Date(at).toISOString(),
      ms: Math.round(at - this.#startedAt),
      kind,
      what,
      ...more,
    };
    writeSync(this.#handle, `${JSON.stringify(line)}\n`);
  }

  /** The same, also for who looks on. */
  tell(kind: string, what: string, more: object = {}): void {
    this.note(kind, what, more);
    this.#say(`${((now() - this.#startedAt) / 1_000).toFixed(1).padStart(7)} s  ${what}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }
}
