const lookEveryMs = 1_000;

/** Looks whether the system has killed a process of an instance, where it does not kill all of them; one look for all. */
export class OomWatch {
  readonly #watched = new Map<string, { wasKilled: () => boolean; onKill: () => void }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onKill is told once */
  watch(instance: string, wasKilled: () => boolean, onKill: () => void): void {
    this.#watched.set(instance, { wasKilled, onKill });
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
  }

  forget(instance: string): void {
    this.#watched.delete(instance);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const [instance, { wasKilled, onKill }] of this.#watched) {
      if (!wasKilled()) continue;
      this.forget(instance);
      onKill();
    }
  }
}
