export interface CrashPolicy {
  /** This many ends of a model's process … */
  maxCrashes: number;
  /** … within this time, and the model is left alone until the oldest of them is this long ago. */
  windowMs: number;
}

const defaultCrashPolicy: CrashPolicy = { maxCrashes: 3, windowMs: 60_000 };

/** Milliseconds until a model may be started again; 0 means now. `crashes` are times, oldest first. */
export function blockedForMs(crashes: readonly number[], now: number, policy: CrashPolicy): number {
  const recent = crashes.filter((at) => now - at < policy.windowMs);
  const decisive = recent.at(-policy.maxCrashes);
  return decisive === undefined ? 0 : decisive + policy.windowMs - now;
}

/** Remembers when the processes of models ended by themselves, longer than the models stay in memory. */
export class CrashLog {
  readonly #crashes = new Map<string, number[]>();
  readonly #policy: CrashPolicy;

  constructor(policy: CrashPolicy = defaultCrashPolicy) {
    this.#policy = policy;
  }

  record(key: string, now = Date.now()): void {
    for (const [other, times] of this.#crashes) {
      if (times.every((at) => now - at >= this.#policy.windowMs)) this.#crashes.delete(other);
    }
    this.#crashes.set(key, [...(this.#crashes.get(key) ?? []), now].slice(-this.#policy.maxCrashes));
  }

  blockedForMs(key: string, now = Date.now()): number {
    return blockedForMs(this.#crashes.get(key) ?? [], now, this.#policy);
  }

  forget(key: string): void {
    this.#crashes.delete(key);
  }
}
