import type { AuditList, Problem } from '@bkg/sdk/protocol';
import { problemOfError } from '../request.ts';
import { wait } from '../wait.ts';
import { listAudit } from './keys-api.ts';

export type SeqEvent = AuditList['events'][number];

export interface ActivityFilter {
  /** The prefix of a key, `bkg` or `?`; "" for everybody. */
  who: string;
  /** "" for everything; one that ends with a dot takes all that begin with it. */
  action: string;
}

const pageMost = 100;
const lookEveryMs = 5_000;
/** So many events are kept in the page; older ones of them have to be asked for again. */
const keptMost = 2_000;

/** What was done, the newest first, for one choice of who and what. */
export class Activity {
  events = $state.raw<readonly SeqEvent[]>([]);
  known = $state(false);
  /** Older ones are there. */
  hasMore = $state(false);
  isLoading = $state(false);
  problem = $state.raw<Problem>();
  #filter: ActivityFilter;

  constructor(filter: ActivityFilter) {
    this.#filter = filter;
  }

  /** Looks every 5 s for new ones while the page can be seen. @returns ends it */
  follow(): () => void {
    const end = new AbortController();
    void this.#loop(end.signal);
    return () => end.abort();
  }

  async more(): Promise<void> {
    const last = this.events.at(-1);
    if (!last || this.isLoading) return;
    this.isLoading = true;
    try {
      const list = await this.#ask({ before: last.seq });
      this.#join([...this.events, ...list.events]);
      this.hasMore = list.next !== undefined && this.events.length < keptMost;
      this.problem = undefined;
    } catch (error) {
      this.problem = problemOfError(error);
    } finally {
      this.isLoading = false;
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (document.visibilityState === 'visible') await this.#look(signal);
      await wait(lookEveryMs, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    try {
      const list = await this.#ask({ signal });
      if (!signal.aborted) this.take(list);
    } catch (error) {
      if (!signal.aborted) this.problem = problemOfError(error);
    }
  }

  /** The newest ones, as they are now. */
  take(list: AuditList): void {
    const oldest = list.events.at(-1)?.seq;
    const newest = this.events[0]?.seq;
    // More happened since than one answer holds: what is shown would have a gap that nobody sees.
    const isTorn =
      list.next !== undefined && oldest !== undefined && newest !== undefined && oldest > newest + 1;
    if (!this.known || isTorn || newest === undefined) {
      this.events = list.events;
      this.hasMore = list.next !== undefined;
    } else this.#join([...list.events, ...this.events]);
    this.known = true;
    this.problem = undefined;
  }

  #join(events: readonly SeqEvent[]): void {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- it never changes
    const bySeq = new Map(events.map((event) => [event.seq, event]));
    this.events = [...bySeq.values()].sort((a, b) => b.seq - a.seq).slice(0, keptMost);
  }

  #ask({ before, signal }: { before?: number; signal?: AbortSignal }): Promise<AuditList> {
    const { who, action } = this.#filter;
    return listAudit(
      {
        most: pageMost,
        ...(before !== undefined && { before }),
        ...(who && { who }),
        ...(action && { action }),
      },
      { ...(signal && { signal }) },
    );
  }
}
