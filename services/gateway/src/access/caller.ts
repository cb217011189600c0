import { accessPlugin, BkgError, isAllowed, parseScope } from '@bkg/sdk';
import type { Need, Placed, Principal, Scope } from '@bkg/sdk';

/** Who sends requests here: what it may do now, not what it might when it came. */
export interface Caller {
  /** Undefined: nobody has said who it is. */
  readonly principal: Principal | undefined;
  /** Grows with each change of what it may do. */
  readonly revision: number;
  /** Aborts with the reason, as a BkgError, when it may do nothing any more. */
  readonly ended: AbortSignal;
  allows(need: Need): boolean;
  /** Those that it may read; undefined for all of them. */
  readable(): ReadonlySet<string> | undefined;
  /** Whether what is known of it is young enough to act upon. @throws BkgError PLUGIN_UNAVAILABLE */
  assertCurrent(): void;
  /** Hears when it may do something else. @returns ends it */
  onChange(listener: () => void): () => void;
  /** Tells what runs for it both, at less cost than listening to each, until it is released. */
  hold(running: Held): void;
  release(running: Held): void;
}

/** Something that runs for a caller. */
export interface Held extends Placed {
  /** Its caller may do something else from now on. */
  changed(): void;
  /** Its caller may do nothing any more. @param why a BkgError */
  ended(why: unknown): void;
}

const never = new AbortController().signal;
const nothing = (): void => undefined;
const nobodyHears = (): (() => void) => nothing;

/** Of whom nothing is known. */
export const anonymous: Caller = {
  principal: undefined,
  revision: 0,
  ended: never,
  allows: () => false,
  readable: () => new Set(),
  assertCurrent: () => undefined,
  onChange: nobodyHears,
  hold: nothing,
  release: nothing,
};

/** Everybody, where nobody is asked. */
export const nobody: Caller = {
  principal: { prefix: 'nobody', name: 'nobody', owner: '', scopes: ['admin'], broker: false, revision: 0 },
  revision: 0,
  ended: never,
  allows: () => true,
  readable: () => undefined,
  assertCurrent: () => undefined,
  onChange: nobodyHears,
  hold: nothing,
  release: nothing,
};

/** The prefix of its key, as the audit has it. */
export function whoIs({ principal }: Caller): string {
  return principal?.prefix ?? '?';
}

/** @throws BkgError UNAUTHENTICATED, FORBIDDEN */
export function assertAllowed(caller: Caller, need: Need): void {
  if (caller.allows(need)) return;
  if (!caller.principal) throw noKey();
  const { prefix } = caller.principal;
  throw new BkgError(
    'FORBIDDEN',
    `This needs the scope ${scopeOf(need)}, which the key ${prefix} does not have.`,
  );
}

/**
 * What keeps the API keys is for gateway and supervisor only, whoever asks.
 * @throws BkgError UNAUTHENTICATED, FORBIDDEN
 */
export function assertInvocable(caller: Caller, plugin: string, capability: string): void {
  assertAllowed(caller, { verb: 'invoke', plugin, capability });
  if (plugin !== accessPlugin) return;
  throw new BkgError(
    'FORBIDDEN',
    `What ${accessPlugin} can do is not for invocations; API keys and roles are at /api/keys and /api/roles.`,
  );
}

/** For who has said nothing of who it is. */
export function noKey(): BkgError {
  return new BkgError(
    'UNAUTHENTICATED',
    'This needs an API key, as "Authorization: Bearer bkg_…", or that you sign in on the dashboard.',
  );
}

/** The narrowest scope that allows it. */
export function scopeOf({ verb, plugin, capability }: Need): string {
  return [verb, plugin, capability].filter((part) => part !== undefined).join(':');
}

/** Those of a principal; what this version does not know allows nothing. */
export function scopesOf({ scopes }: Principal): Scope[] {
  return scopes.flatMap((text) => {
    try {
      return [parseScope(text)];
    } catch {
      return [];
    }
  });
}

/** The plugins that these scopes allow to read; undefined for all. */
export function readableBy(scopes: readonly Scope[]): ReadonlySet<string> | undefined {
  if (isAllowed(scopes, { verb: 'read', plugin: '*' })) return undefined;
  return new Set(scopes.flatMap(({ verb, plugin }) => (verb === 'read' ? [plugin] : [])));
}
