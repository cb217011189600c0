/**
 * While one subscription takes over from another the broker delivers by both: of each message one is enough. Two that
 * are equal were sent twice, when one subscription brought both.
 */
export class Overlap {
  readonly #counts = new Map<string, Map<unknown, number>>();

  /** Whether another subscription has brought this one already. */
  isSecond(subscription: unknown, message: string): boolean {
    const counts = this.#counts.get(message) ?? new Map<unknown, number>();
    const most = Math.max(0, ...counts.values());
    const count = (counts.get(subscription) ?? 0) + 1;
    this.#counts.set(message, counts.set(subscription, count));
    return count <= most;
  }

  clear(): void {
    this.#counts.clear();
  }
}
