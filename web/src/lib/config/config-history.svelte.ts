import type { ConfigRevision, Problem } from '@bkg/sdk/protocol';
import { problemOfError } from '../request.ts';
import { getConfigHistory } from './config-api.ts';

/** The configurations that were written, newest first, as far as they were asked for. */
export class ConfigHistoryList {
  revisions = $state.raw<readonly ConfigRevision[]>([]);
  /** There are older ones. */
  hasMore = $state(false);
  isLoading = $state(false);
  problem = $state.raw<Problem>();
  /** It was read at least once. */
  known = $state(false);
  #id: string;
  #turn = 0;

  constructor(id: string) {
    this.#id = id;
  }

  find(revision: number): ConfigRevision | undefined {
    return this.revisions.find((one) => one.revision === revision);
  }

  /** The one that was written before this one; undefined when there is none, or it was not asked for yet. */
  before(revision: number): ConfigRevision | undefined {
    return this.revisions.find((one) => one.revision < revision);
  }

  /** Reads the newest ones; older ones that are known stay. */
  async refresh(): Promise<void> {
    await this.#ask(undefined);
  }

  async more(): Promise<void> {
    await this.#ask(this.revisions.at(-1)?.revision);
  }

  async #ask(before: number | undefined): Promise<void> {
    const turn = ++this.#turn;
    this.isLoading = true;
    try {
      const { revisions, truncated = false } = await getConfigHistory(this.#id, before);
      if (turn !== this.#turn) return;
      this.#take(revisions, truncated, before);
    } catch (error) {
      if (turn === this.#turn) this.problem = problemOfError(error);
    } finally {
      if (turn === this.#turn) this.isLoading = false;
    }
  }

  #take(page: readonly ConfigRevision[], truncated: boolean, before: number | undefined): void {
    const oldest = page.at(-1)?.revision ?? before ?? 0;
    const newer = before === undefined ? [] : this.revisions.filter(({ revision }) => revision >= before);
    const older = truncated ? this.revisions.filter(({ revision }) => revision < oldest) : [];
    if (older.length === 0) this.hasMore = truncated;
    this.revisions = [...newer, ...page, ...older];
    this.problem = undefined;
    this.known = true;
  }
}
