import type { Principal } from '@bkg/sdk';
import type { KeyParts } from '@bkg/sdk/access';

/** Finds out whose an API key is. */
export interface KeyCheck {
  verify(parts: KeyParts): Promise<Principal | { refused: string }>;
  /** What was found out of a key counts no more: it has changed. */
  forget(prefix: string): void;
  /**
   * Whether a key that was let in earlier is of no use to the broker any more. Asked when its end may have been missed.
   * @throws when that cannot be found out now
   */
  isOver(prefix: string): Promise<boolean>;
}

/** Nobody keeps keys yet: there is none that could be known. */
export function createKeyCheck(): KeyCheck {
  return {
    verify: async () => ({ refused: 'unknown' }),
    forget: () => undefined,
    isOver: async () => true,
  };
}
