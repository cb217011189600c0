import { keyScopesMost, scopeProblem, scopeVerbs, type ScopeVerb } from '@bkg/sdk/protocol';

/** The parts of a scope as somebody chooses them; what is not chosen is `*`. */
export interface ScopeParts {
  verb: ScopeVerb;
  plugin: string;
  capability: string;
}

/** What a verb takes after it. */
export const partsOfVerb: Record<ScopeVerb, { plugin: boolean; capability: boolean }> = {
  read: { plugin: true, capability: false },
  invoke: { plugin: true, capability: true },
  control: { plugin: true, capability: false },
  serve: { plugin: true, capability: false },
  admin: { plugin: false, capability: false },
};

export const verbTexts: Record<ScopeVerb, string> = {
  read: 'see states, configurations, telemetry and logs',
  invoke: 'invoke capabilities',
  control: 'start, stop, swap, scale and configure',
  serve: 'be an instance of a plugin, at the broker',
  admin: 'everything, with keys, roles and the activity',
};

/** The shortest text that says the same. */
export function composeScope({ verb, plugin, capability }: ScopeParts): string {
  const takes = partsOfVerb[verb];
  const parts: string[] = [verb];
  const hasCapability = takes.capability && capability !== '*';
  if (takes.plugin && (plugin !== '*' || hasCapability)) parts.push(plugin);
  if (hasCapability) parts.push(capability);
  return parts.join(':');
}

/** What can be read of a scope that is perhaps not finished. */
export function readScope(text: string): ScopeParts {
  const [first, plugin, capability] = text.trim().split(':');
  const verb = scopeVerbs.find((known) => known === first) ?? 'read';
  return { verb, plugin: plugin || '*', capability: capability || '*' };
}

/** What can stand for capabilities: all, the beginnings that at least one of them has, each of them. */
export function capabilityChoices(ids: readonly string[]): string[] {
  const beginnings = new Set<string>();
  for (const id of ids) {
    const parts = id.split('.');
    for (let count = 1; count < parts.length; count += 1)
      beginnings.add(`${parts.slice(0, count).join('.')}.*`);
  }
  return ['*', ...[...beginnings].sort(), ...[...ids].sort()];
}

/** Why the text cannot be added to the scopes, as a sentence; undefined when it can. */
export function whyNotAdded(scopes: readonly string[], text: string): string | undefined {
  const scope = text.trim();
  if (scope === '') return 'Choose or write a scope first.';
  const problem = scopeProblem(scope);
  if (problem !== undefined) return problem;
  if (scopes.includes(scope)) return `${scope} is there already.`;
  if (scopes.length >= keyScopesMost) return `There can be at most ${keyScopesMost}.`;
  return undefined;
}
