import { now } from './clock.ts';
import type { ObservedInstance } from './reconcile.ts';
import type { Sighting } from './sighting.ts';

/** What was heard of a managed instance, as far as it says whether it serves. Times are ms as `now()` gives them. */
export class LifeSigns {
  /** What its last status event gave as its error. */
  said: string | undefined;
  silentSince: number | undefined;
  #heardAt = now();
  #failingSince: number | undefined;

  /** @returns what has changed, if anything has */
  hear({ status, error, heardAt, silentSince }: Sighting): 'fell silent' | 'heard again' | undefined {
    this.said = error;
    this.#heardAt = heardAt;
    this.#failingSince = status === 'error' ? (this.#failingSince ?? now()) : undefined;
    const wasSilent = this.silentSince !== undefined;
    this.silentSince = silentSince;
    if (wasSilent === (silentSince !== undefined)) return undefined;
    return wasSilent ? 'heard again' : 'fell silent';
  }

  /** It takes no invocations to their end: nothing is heard of it, or that it has failed. */
  get isUseless(): boolean {
    return this.silentSince !== undefined || this.#failingSince !== undefined;
  }

  /** Until when that is borne: an event loop may be blocked for as long as an invocation may take, and come back. */
  uselessness(mostMs: number): Pick<ObservedInstance, 'useless'> {
    if (this.silentSince !== undefined)
      return { useless: { why: 'silent', until: Math.max(this.silentSince, this.#heardAt + mostMs) } };
    if (this.#failingSince === undefined) return {};
    return { useless: { why: 'failing', until: this.#failingSince + mostMs } };
  }

  /** How long nothing was heard of it, or else nothing but that it has failed. */
  get uselessMs(): number {
    return now() - (this.silentSince === undefined ? (this.#failingSince ?? now()) : this.#heardAt);
  }
}
