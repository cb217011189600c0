import type { ApiKey, NewKey, Problem } from '@bkg/sdk/protocol';
import { problemOfError } from '../request.ts';
import type { KeyDraft } from './key-draft.svelte.ts';
import { changeOfForm } from './key-form.ts';
import { changeKey, getKey, revokeKey, rotateKey } from './keys-api.ts';

export type KeyVerb = 'save' | 'rotate' | 'revoke';

/** What is ordered of one key, one thing at a time. */
export class KeyOrders {
  busy = $state<KeyVerb>();
  problem = $state.raw<{ about: KeyVerb; problem: Problem }>();
  isSaved = $state(false);
  #onKey: (key: ApiKey) => void;

  /** @param onKey takes over what an order learnt */
  constructor(onKey: (key: ApiKey) => void) {
    this.#onKey = onKey;
  }

  dismiss(): void {
    this.problem = undefined;
  }

  async save(draft: KeyDraft): Promise<void> {
    const { base } = draft;
    const sent = $state.snapshot(draft.form);
    const change = base && changeOfForm(base, sent);
    if (!change) return;
    await this.#run('save', base.prefix, async () => {
      const key = await changeKey(base.prefix, change);
      draft.settle(key, sent);
      this.#onKey(key);
      this.isSaved = true;
    });
  }

  /** The new secret; undefined when there is none. */
  async rotate(prefix: string, graceSecs: number): Promise<NewKey | undefined> {
    let made: NewKey | undefined;
    await this.#run('rotate', prefix, async () => {
      made = await rotateKey(prefix, { grace_secs: graceSecs });
      this.#onKey(made.key);
    });
    return made;
  }

  async revoke(prefix: string): Promise<void> {
    await this.#run('revoke', prefix, async () => this.#onKey(await revokeKey(prefix)));
  }

  /** Resolves when it is done, however it went. */
  async #run(about: KeyVerb, prefix: string, order: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = about;
    this.problem = undefined;
    this.isSaved = false;
    try {
      await order();
    } catch (error) {
      const problem = problemOfError(error);
      this.problem = { about, problem };
      if (problem.status === 409) await this.#readAgain(prefix);
    } finally {
      this.busy = undefined;
    }
  }

  /** Somebody else has changed it, and this page had not heard of it. */
  async #readAgain(prefix: string): Promise<void> {
    try {
      this.#onKey(await getKey(prefix));
    } catch {
      // The problem of the order itself is shown.
    }
  }
}
