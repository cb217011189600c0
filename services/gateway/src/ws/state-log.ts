import type { PluginFilter } from './audience.ts';

/** That a plugin's state is another since `seq`, or that it is gone. */
export interface StateChange {
  id: string;
  seq: number;
  isGone: boolean;
}

export interface StateLogOptions {
  /** How many plugins that are gone are remembered. @default 1000 */
  goneMost?: number;
}

/**
 * In which order states have changed, of each plugin only the last time. It is what lets a client be slow, or come
 * back, without anything kept for it: all that it needs is the number up to which it knows.
 */
export class StateLog {
  readonly #goneMost: number;
  /** By `seq`; with changes among them that are no longer the last of their plugin. */
  #changes: StateChange[] = [];
  readonly #last = new Map<string, StateChange>();
  #goneCount = 0;
  #floor = 0;

  constructor({ goneMost = 1_000 }: StateLogOptions = {}) {
    this.#goneMost = goneMost;
  }

  /** Who knows less than this has missed that a plugin is gone, and needs to be told everything. */
  get floor(): number {
    return this.#floor;
  }

  has(id: string): boolean {
    return this.#last.get(id)?.isGone === false;
  }

  /** Those that are not gone, in order. */
  ids(): string[] {
    return [...this.#last.values()].flatMap(({ id, isGone }) => (isGone ? [] : [id])).sort();
  }

  changed(id: string, seq: number): void {
    this.#put({ id, seq, isGone: false });
  }

  gone(id: string, seq: number): void {
    if (!this.has(id)) return;
    this.#put({ id, seq, isGone: true });
    if (this.#goneCount > this.#goneMost) this.#forgetOne();
  }

  /** The first change after `seq`. */
  after(seq: number, plugins: PluginFilter): StateChange | undefined {
    return plugins ? this.#afterOf(plugins, seq) : this.#afterOfAll(seq);
  }

  #put(change: StateChange): void {
    if (this.#last.get(change.id)?.isGone) this.#goneCount -= 1;
    if (change.isGone) this.#goneCount += 1;
    this.#last.set(change.id, change);
    this.#changes.push(change);
    if (this.#changes.length > 2 * this.#last.size + 64) {
      this.#changes = this.#changes.filter((one) => this.#isLast(one));
    }
  }

  #isLast(change: StateChange): boolean {
    return this.#last.get(change.id) === change;
  }

  #forgetOne(): void {
    const oldest = this.#changes.find((change) => change.isGone && this.#isLast(change));
    if (!oldest) return;
    this.#last.delete(oldest.id);
    this.#goneCount -= 1;
    this.#floor = oldest.seq;
  }

  #afterOf(plugins: ReadonlySet<string>, seq: number): StateChange | undefined {
    let first: StateChange | undefined;
    for (const id of plugins) {
      const change = this.#last.get(id);
      if (change && change.seq > seq && change.seq < (first?.seq ?? Infinity)) first = change;
    }
    return first;
  }

  #afterOfAll(seq: number): StateChange | undefined {
    let at = this.#indexAfter(seq);
    let change = this.#changes[at];
    while (change && !this.#isLast(change)) {
      at += 1;
      change = this.#changes[at];
    }
    return change;
  }

  #indexAfter(seq: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.seq ?? Infinity) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
