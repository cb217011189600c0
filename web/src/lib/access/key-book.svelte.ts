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

  /** @param signal when nobody looks at them any more */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  find(prefix: string): ApiKey | undefined {
    return this.keys.find((key) => key.prefix === prefix);
  }

  async refresh(): Promise<void> {
    const signal = this.#signal;
    try {
      const [keys, roles] = await Promise.all([listKeys({ signal }), listRoles({ signal })]);
      this.keys = keys;
      this.roles = roles;
      this.known = true;
      this.problem = undefined;
    } catch (error) {
      if (!signal.aborted) this.problem = problemOfError(error);
    }
  }

  /** Takes over what an order learnt. */
  put(key: ApiKey): void {
    this.keys = [...this.keys.filter(({ prefix }) => prefix !== key.prefix), key];
  }

  putRole(role: Role): void {
    this.roles = [...this.roles.filter(({ name }) => name !== role.name), role];
  }

  dropRole(name: string): void {
    this.roles = this.roles.filter((role) => role.name !== name);
  }
}

export const [getKeyBook, setKeyBook] = createContext<KeyBook>();
