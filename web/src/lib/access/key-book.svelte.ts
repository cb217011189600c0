import type { ApiKey, Problem, Role } from '@bkg/sdk/protocol';
import { createContext } from 'svelte';
import { problemOfError } from '../request.ts';
import { listKeys, listRoles } from './keys-api.ts';

/** All keys and roles, as an admin sees them. */
export class KeyBook {
  keys = $state.raw<readonly ApiKey[]>([]);
  roles = $state.raw<readonly Role[]>([]);
  /** They were read at least once. */
  known = $state(false);
  problem = $state.raw<Problem>();
  #signal: AbortSignal;
  /** Rises with each question and each order: an answer to a question from before is older than what is here. */
  #turn = 0;

  /** @param signal when nobody looks at them any more */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  find(prefix: string): ApiKey | undefined {
    return this.keys.find((key) => key.prefix === prefix);
  }

  async refresh(): Promise<void> {
    const signal = this.#signal;
    const turn = ++this.#turn;
    try {
      const [keys, roles] = await Promise.all([listKeys({ signal }), listRoles({ signal })]);
      if (turn !== this.#turn) return;
      this.keys = keys;
      this.roles = roles;
      this.known = true;
      this.problem = undefined;
    } catch (error) {
      if (turn === this.#turn && !signal.aborted) this.problem = problemOfError(error);
    }
  }

  /** Takes over what an order learnt. */
  put(key: ApiKey): void {
    this.#turn += 1;
    this.keys = [...this.keys.filter(({ prefix }) => prefix !== key.prefix), key];
  }

  putRole(role: Role): void {
    this.#turn += 1;
    this.roles = [...this.roles.filter(({ name }) => name !== role.name), role];
  }

  dropRole(name: string): void {
    this.#turn += 1;
    this.roles = this.roles.filter((role) => role.name !== name);
  }
}

export const [getKeyBook, setKeyBook] = createContext<KeyBook>();
