import { isCapabilityId, isPluginId } from './names.ts';

/** What a scope allows; `admin` allows all of it. */
export const scopeVerbs = ['read', 'invoke', 'control', 'serve', 'admin'] as const;
export type ScopeVerb = (typeof scopeVerbs)[number];

/** `<verb>[:<plugin>[:<capability>]]`, taken apart: what was not given is `*`. */
export interface Scope {
  verb: ScopeVerb;
  /** A plugin id or `*`. */
  plugin: string;
  /** A capability id, `*`, or the first parts of one with `.*` after them. */
  capability: string;
}

/** What an act needs. Without a plugin or capability it needs the verb for any at all. */
export interface Need {
  verb: ScopeVerb;
  plugin?: string;
  capability?: string;
}

/** The longest that a scope can be: verb, plugin id, capability id. */
export const scopeMostLength = 7 + 1 + 63 + 1 + 64;

/** Who may do what; its own capabilities are for gateway and supervisor only, and only an admin may stop it. */
export const accessPlugin = 'apikeys';

/** @throws Error that says what was given and what is allowed */
export function parseScope(text: string): Scope {
  const problem = scopeProblem(text);
  if (problem !== undefined) throw new Error(problem);
  const [verb, plugin = '*', capability = '*'] = text.split(':');
  return { verb: verb as ScopeVerb, plugin, capability };
}

/** What is wrong with a scope, as a sentence for people; undefined when it is one. */
export function scopeProblem(text: string): string | undefined {
  const wrong = (why: string): string =>
    `"${text.slice(0, scopeMostLength)}" is no scope: ${why}. A scope is <verb>[:<plugin>[:<capability>]], such as ` +
    `read, control:candle or invoke:candle:model.*.`;
  const [verb, plugin = '*', capability = '*', ...rest] = text.split(':');
  if (!scopeVerbs.some((known) => known === verb))
    return wrong(`the verb is one of ${scopeVerbs.join(', ')}`);
  if (rest.length > 0) return wrong('it has at most three parts');
  if (verb === 'admin' && text !== 'admin') return wrong('admin is for the whole mesh and takes no plugin');
  if (verb === 'serve' && plugin === '*') return wrong('serve needs the id of the plugin');
  if (verb === 'serve' && plugin === accessPlugin)
    return wrong(`${accessPlugin} is served by what bkg has launched only: it knows every key`);
  if (plugin !== '*' && !isPluginId(plugin)) return wrong(`"${plugin}" is neither a plugin id nor *`);
  if (verb !== 'invoke' && capability !== '*') return wrong('only invoke takes a capability');
  if (!isCapabilityPattern(capability))
    return wrong(`"${capability}" is no capability id, also not with .* in the place of its last parts`);
  return undefined;
}

/** Whether one of the scopes allows it. */
export function isAllowed(scopes: readonly Scope[], need: Need): boolean {
  return scopes.some((scope) => covers(scope, need));
}

/** Whether `pattern` (a capability id, `*`, or `<parts>.*`) takes `capability`. */
function matchesCapability(pattern: string, capability: string): boolean {
  if (pattern === '*' || pattern === capability) return true;
  return pattern.endsWith('.*') && capability.startsWith(pattern.slice(0, -1));
}

/** A capability id, `*`, or the first parts of one with `.*` after them. */
function isCapabilityPattern(pattern: string): boolean {
  return pattern === '*' || isCapabilityId(pattern.endsWith('.*') ? pattern.slice(0, -2) : pattern);
}

/** What the roles that every mesh has stand for. */
export const builtInRoles = {
  viewer: ['read'],
  operator: ['read', 'control'],
  invoker: ['invoke'],
  admin: ['admin'],
} as const satisfies Record<string, readonly string[]>;

function covers(scope: Scope, { verb, plugin, capability }: Need): boolean {
  if (scope.verb === 'admin') return true;
  if (scope.verb !== verb) return false;
  if (plugin === undefined) return true;
  if (plugin === accessPlugin && verb !== 'read') return false;
  if (scope.plugin !== '*' && scope.plugin !== plugin) return false;
  return capability === undefined || matchesCapability(scope.capability, capability);
}
