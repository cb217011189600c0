import type { ApiKey, Principal, Role } from '@bkg/sdk';
import { InvocationError } from '@bkg/sdk/client';
import { Keeper, keyName, KeyVerifier } from '@bkg/sdk/access';
import type { Asker, KeyParts } from '@bkg/sdk/access';

/** Finds out whose an API key is. */
export interface KeyCheck {
  /** @throws BkgError when nobody keeps the keys now, and this one is not remembered */
  verify(parts: KeyParts): Promise<Principal | { refused: string }>;
  /** What was found out of a key counts no more: it has changed. */
  forget(prefix: string): void;
  /**
   * By what the broker would know a connection of this key that it lets in now, with its secret or with its old one. None
   * when it lets none in. Asked when a change may have been missed.
   * @throws when that cannot be found out now
   */
  names(prefix: string): Promise<string[]>;
  close(): void;
}

/** Asks the plugin that keeps them. */
export function createKeyCheck(asker: Asker): KeyCheck {
  const keeper = new Keeper(asker);
  const verifier = new KeyVerifier({ keeper });
  return {
    verify: (parts) => verifier.verify(parts),
    forget: (prefix) => verifier.forget(prefix),
    names: async (prefix) => {
      try {
        const key = await keeper.getKey(prefix);
        return namesOf(key, key.roles.length > 0 ? await keeper.listRoles() : []);
      } catch (error) {
        if (error instanceof InvocationError && error.code === 'APIKEYS_NOT_FOUND') return [];
        throw error;
      }
    },
    close: () => verifier.close(),
  };
}

function namesOf(key: ApiKey, roles: readonly Role[]): string[] {
  const { prefix, broker, revision, revoked_at, expires_at, old_secret_until } = key;
  const isOver = (time: string | undefined): boolean => time !== undefined && Date.parse(time) <= Date.now();
  if (!broker || revoked_at !== undefined || isOver(expires_at)) return [];
  const ofRoles = roles.filter(({ name }) => key.roles.includes(name)).flatMap((role) => role.scopes);
  const scopes = [...new Set([...key.scopes, ...ofRoles])];
  const nameUntil = (end: string | undefined): string =>
    keyName({ prefix, revision, scopes, ...(end !== undefined && { expires_at: end }) });
  if (old_secret_until === undefined) return [nameUntil(expires_at)];
  const [first] = [expires_at ?? old_secret_until, old_secret_until].sort(
    (one, other) => Date.parse(one) - Date.parse(other),
  );
  return [nameUntil(expires_at), nameUntil(first)];
}
