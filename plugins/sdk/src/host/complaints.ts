/** Collects what is wrong with something that was given, so that all of it can be said at once. */
export class Complaints {
  readonly list: string[] = [];

  add(complaint: string): void {
    this.list.push(complaint);
  }

  /** @returns undefined when `read` throws; then its words are a complaint */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.add(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
