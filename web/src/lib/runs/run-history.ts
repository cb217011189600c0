import { isRecord } from '@bkg/sdk/protocol';
import { OwnedEntries, type StringStorage } from '../owned-entries.ts';

/** What came of a run, without what was answered. */
export interface RunSummary {
  kind: 'done' | 'failed' | 'cancelled' | 'not-sent' | 'unanswered';
  durationMs: number;
  status?: number;
  code?: string;
  /** Of the answer. */
  bytes?: number;
  chunks?: number;
}

export interface PastRun {
  /** Unique among those of its plugin. */
  id: string;
  /** ms since the epoch. */
  at: number;
  capability: string;
  /** JSON; absent when it is bytes, or is not kept. */
  payload?: string;
  /** Why it is not. */
  withheld?: 'long' | 'secret';
  /** What was sent: its bytes are not kept. */
  file?: { name: string; sizeBytes: number };
  /** The answer was asked for in parts. */
  streams?: boolean;
  summary: RunSummary;
}

export interface RunHistoryOptions {
  /** @default localStorage */
  open?: () => StringStorage;
  /** Of one capability; the oldest go first. @default 30 */
  runsMost?: number;
  /** A longer payload is not kept, in characters. @default 20000 */
  longest?: number;
  /** Of all plugins together, in characters; the plugins that were used longest ago go first. @default 1000000 */
  most?: number;
}

const prefix = 'bkg.runs/';
/** Whose they are, by the prefix of a key. */
const ownerKey = 'bkg-runs-of';

/** Past runs, kept in the browser. One that refuses to keep anything keeps nothing: nothing here throws. */
export class RunHistory {
  readonly longest: number;
  #entries: OwnedEntries;
  #runsMost: number;
  #most: number;

  constructor({
    open = () => localStorage,
    runsMost = 30,
    longest = 20_000,
    most = 1_000_000,
  }: RunHistoryOptions = {}) {
    this.#entries = new OwnedEntries({ open, prefix, ownerKey });
    this.#runsMost = runsMost;
    this.longest = longest;
    this.#most = most;
  }

  /** The latest first. */
  read(pluginId: string): PastRun[] {
    try {
      const [, runs] = JSON.parse(this.#entries.open().getItem(keyOf(pluginId)) ?? '[0,[]]') as [
        number,
        unknown[],
      ];
      return runs.filter(isPastRun);
    } catch {
      return [];
    }
  }

  /** @returns all of the plugin's now: as they are kept, so that another tab's are among them */
  add(pluginId: string, run: PastRun): PastRun[] {
    const isTooLong = run.payload !== undefined && run.payload.length > this.longest;
    const { payload: _, ...rest } = run;
    const kept: PastRun = isTooLong ? { ...rest, withheld: 'long' } : run;
    const counts = new Map<string, number>();
    const runs = [kept, ...this.read(pluginId)].filter(({ capability }) => {
      const count = (counts.get(capability) ?? 0) + 1;
      counts.set(capability, count);
      return count <= this.#runsMost;
    });
    this.#write(pluginId, runs);
    return runs;
  }

  /** @returns what is left */
  forget(pluginId: string, capability: string): PastRun[] {
    const runs = this.read(pluginId).filter((run) => run.capability !== capability);
    this.#write(pluginId, runs);
    return runs;
  }

  /** Those of another owner are gone. */
  keepFor(owner: string): void {
    this.#entries.keepFor(owner);
  }

  clear(): void {
    this.#entries.clear();
  }

  #write(pluginId: string, runs: readonly PastRun[]): void {
    try {
      const storage = this.#entries.open();
      const key = keyOf(pluginId);
      storage.removeItem(key);
      if (runs.length === 0) return;
      const value = JSON.stringify([Date.now(), runs]);
      this.#entries.makeRoom(storage, this.#most - value.length);
      storage.setItem(key, value);
    } catch {
      // The browser keeps nothing, or nothing more: it is there until the page is left.
    }
  }
}

function keyOf(pluginId: string): string {
  return `${prefix}${encodeURIComponent(pluginId)}`;
}

/** What stands there may be of another version of the page. */
function isPastRun(value: unknown): value is PastRun {
  if (!isRecord(value) || !isRecord(value['summary'])) return false;
  const { id, at, capability, payload, file, summary } = value;
  return (
    typeof id === 'string' &&
    typeof at === 'number' &&
    typeof capability === 'string' &&
    (payload === undefined || typeof payload === 'string') &&
    (file === undefined || (isRecord(file) && typeof file['name'] === 'string')) &&
    typeof (summary as Record<string, unknown>)['kind'] === 'string' &&
    typeof (summary as Record<string, unknown>)['durationMs'] === 'number'
  );
}
