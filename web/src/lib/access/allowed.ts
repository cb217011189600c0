import {
  accessPlugin,
  isAllowed,
  parseScope,
  scopeProblem,
  type Need,
  type Principal,
  type Scope,
} from '@bkg/sdk/protocol';

/** Of a newer bkg there may be others, which this page cannot offer anything for. */
export function scopesOf({ scopes }: Pick<Principal, 'scopes'>): Scope[] {
  return scopes.filter((text) => scopeProblem(text) === undefined).map(parseScope);
}

/** The scope that would do, as it is written. */
export function scopeOfNeed({ verb, plugin, capability }: Need): string {
  if (plugin === accessPlugin && verb !== 'read') return 'admin';
  return [verb, plugin, plugin === undefined ? undefined : capability].filter(Boolean).join(':');
}

/** Why it is not offered, as a sentence; undefined when the scopes allow it. */
export function whyNotAllowed(scopes: readonly Scope[], need: Need): string | undefined {
  if (isAllowed(scopes, need)) return undefined;
  return `Your key may not do this: it has no scope ${scopeOfNeed(need)}.`;
}
