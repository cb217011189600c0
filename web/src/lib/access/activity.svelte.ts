import type { AuditList, AuditQuery, Problem } from '@bkg/sdk/protocol';
import { problemOfError } from '../request.ts';
import { wait } from '../wait.ts';
import { withNewest, withOlder, type EventsShown, type SeqEvent } from './activity-events.ts';
import { listAudit } from './keys-api.ts';

export interface ActivityFilter {
  /** The prefix of a key, `bkg` or `?`; "" for everybody. */
  who: string;
  /** "" for everything; one that ends with a dot takes all that begin with it. */
  action: string;
}

const pageMost = 100;
const lookEveryMs = 5_000;

/** What was done, the newest first, for one choice of who and what. */
export class Activity {
  /** Undefined until they were read once. */
  #shown = $state.raw<EventsShown>();
  isLoading = $state(false);
  problem = $state.raw<Problem>();
  #filter: ActivityFilter;

  constructor(filter: ActivityFilter) {
    this.#filter = filter;
  }

  get known(): boolean {
    return this.#shown !== undefined;
  }

  get events(): readonly SeqEvent[] {
    return this.#shown?.events ?? [];
  }

  /** Older ones are there. */
  get hasMore(): boolean {
    return this.#shown?.hasMore ?? false;
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
      if (this.#shown) this.#shown = withOlder(this.#shown, list);
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
      const list = await this.#ask({}, signal);
      if (signal.aborted) return;
      this.#shown = withNewest(this.#shown, list);
      this.problem = undefined;
    } catch (error) {
      if (!signal.aborted) this.problem = problemOfError(error);
    }
  }

  #ask(query: AuditQuery, signal?: AbortSignal): Promise<AuditList> {
    const { who, action } = this.#filter;
    const wanted = { most: pageMost, ...query, ...(who && { who }), ...(action && { action }) };
    return listAudit(wanted, { ...(signal && { signal }) });
  }
}
