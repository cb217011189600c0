import type { Principal } from '@bkg/sdk';
import { InvocationError } from '@bkg/sdk/client';
import { Keeper, KeyVerifier } from '@bkg/sdk/access';
import type { Asker, KeyParts } from '@bkg/sdk/access';

/** Finds out whose an API key is. */
export interface KeyCheck {
  /** @throws BkgError when nobody keeps the keys now, and this one is not remembered */
  verify(parts: KeyParts): Promise<Principal | { refused: string }>;
  /** What was found out of a key counts no more: it has changed. */
  forget(prefix: string): void;
  /**
   * Whether a key that was let in earlier is of no use to the broker any more. Asked when its end may have been missed.
   * @throws when that cannot be found out now
   */
  isOver(prefix: string): Promise<boolean>;
  close(): void;
}

/** Asks the plugin that keeps them. */
export function createKeyCheck(asker: Asker): KeyCheck {
  const keeper = new Keeper(asker);
  const verifier = new KeyVerifier({ keeper });
  return {
    verify: (parts) => verifier.verify(parts),
    forget: (prefix) => verifier.forget(prefix),
    isOver: async (prefix) => {
      try {
        const { broker, revoked_at, expires_at } = await keeper.getKey(prefix);
        const hasExpired = expires_at !== undefined && Date.parse(expires_at) <= Date.now();
        return !broker || revoked_at !== undefined || hasExpired;
      } catch (error) {
        if (error instanceof InvocationError && error.code === 'APIKEYS_NOT_FOUND') return true;
        throw error;
      }
    },
    close: () => verifier.close(),
  };
}
