import { builtInRoles } from '@bkg/sdk';
import type { Role, RoleOrder } from '@bkg/sdk';
import { conflict, invalid, notFound } from './errors.ts';
import { assertAdminLeft } from './last-admin.ts';
import { countProblems, isBuiltIn, rolesOf, scopeProblems } from './scopes.ts';
import type { Store } from './store.ts';

const builtInDescriptions: Record<keyof typeof builtInRoles, string> = {
  viewer: 'Sees plugins, their states, configurations, telemetry and logs.',
  operator: 'Sees all plugins, and starts, stops and configures them.',
  invoker: 'Invokes all capabilities.',
  admin: 'Everything, API keys included.',
};

/** Names for scopes: those that every mesh has, and those that were added. */
export class Roles {
  readonly #store: Store;
  readonly #most: number;

  /** @param most how many may be added */
  constructor(store: Store, most: number) {
    this.#store = store;
    this.#most = most;
  }

  async list(): Promise<Role[]> {
    await this.#store.current();
    const builtIn = Object.keys(builtInRoles).filter(isBuiltIn).map(builtInRole);
    const added = [...this.#store.all('role').keys()].sort().map((name) => this.#shown(name));
    return [...builtIn, ...added];
  }

  /** Makes it, or changes what it stands for in all keys that have it. */
  async put(name: string, order: RoleOrder): Promise<Role> {
    await this.#store.change(() => {
      if (isBuiltIn(name)) throw conflict(`The role ${name} is built in, and cannot be changed: take another name.`);
      const before = this.#store.get('role', name)?.value;
      const { scopes, description = before?.description ?? '' } = order;
      const value = { description, scopes: [...new Set(scopes)] };
      this.#check(name, value.scopes);
      if (!before && this.#store.all('role').size >= this.#most)
        throw conflict(`There are ${this.#most} roles, which is all that are kept: delete one that no key has.`);
      assertAdminLeft(this.#store, { role: [name, value.scopes] }, `To change the role ${name} like this`);
      return { kind: 'role', id: name, value };
    });
    return this.#shown(name);
  }

  /** One that no key has. */
  async delete(name: string): Promise<void> {
    await this.#store.change(() => {
      if (isBuiltIn(name)) throw conflict(`The role ${name} is built in, and cannot be deleted.`);
      if (!this.#store.get('role', name)) throw notFound(`There is no role ${name}.`);
      const users = this.#usersOf(name);
      if (users.length > 0) {
        const some = users.slice(0, 5).join(', ');
        const others = users.length > 5 ? ` and ${users.length - 5} more` : '';
        throw conflict(`The role ${name} is in use by ${some}${others}: take it from them first.`);
      }
      return { kind: 'role', id: name, value: 'remove' };
    });
  }

  #shown(name: string): Role {
    const entry = this.#store.get('role', name);
    if (!entry) throw notFound(`There is no role ${name}.`);
    const { description, scopes } = entry.value;
    return { name, description, scopes, built_in: false };
  }

  #check(name: string, scopes: string[]): void {
    const now = rolesOf(this.#store);
    const then = (role: string) => (role === name ? scopes : now(role));
    const problems = scopeProblems(scopes, '/order');
    for (const prefix of this.#usersOf(name)) {
      const record = this.#store.get('key', prefix)?.value;
      const [problem] = record ? countProblems(record, then, '/order/scopes') : [];
      if (problem) problems.push({ ...problem, message: `${prefix}: ${problem.message}` });
    }
    if (problems.length > 0) throw invalid(problems.slice(0, 20));
  }

  /** Prefixes of the keys that have it; one that was revoked needs it no more. */
  #usersOf(name: string): string[] {
    return [...this.#store.all('key')]
      .filter(([, { value }]) => value.revoked_at === undefined && value.roles.includes(name))
      .map(([prefix]) => prefix);
  }
}

function builtInRole(name: keyof typeof builtInRoles): Role {
  return { name, description: builtInDescriptions[name], scopes: [...builtInRoles[name]], built_in: true };
}
