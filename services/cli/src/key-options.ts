import { keyPrefixPattern, rotateGraceMostSecs, scopeProblem } from '@bkg/sdk/protocol';
import type { KeyChange, KeyOrder, RateLimit } from '@bkg/sdk/protocol';
import { prefixOf } from './api-key.ts';
import { UsageError } from './command.ts';
import type { Arguments } from './command.ts';
import { parseSeconds } from './span.ts';

/** Ten years: what is meant to be longer is meant to be for ever. */
const expiresMostSecs = 3_650 * 86_400;

/** The public part of a key, as it was given. @throws UsageError that never repeats a secret */
export function parsePrefix(given: string): string {
  if (keyPrefixPattern.test(given)) return given;
  const prefix = prefixOf(given);
  if (prefix !== undefined)
    throw new UsageError(
      `it takes the public part of a key alone, ${prefix}. On a command line others see its secret: rotate it`,
    );
  throw new UsageError(
    `"${given}" is no prefix of a key; it is like Kabcdefghi, and \`bkg keys\` lists them`,
  );
}

/** What a new key is to be. @throws UsageError */
export function keyOrder(args: Arguments, now: number): KeyOrder {
  const name = args.text('name');
  if (!name?.trim()) throw new UsageError('--name is missing: say what the key is for');
  const [owner, expires, limits] = [args.text('owner'), args.text('expires'), parseLimits(args)];
  const [scopes, roles] = [parseScopes(args.list('scope')), args.list('role')];
  if (scopes.length + roles.length === 0)
    throw new UsageError('--scope or --role is missing: a key without either may do nothing');
  return {
    name,
    ...(owner && { owner }),
    ...(scopes.length > 0 && { scopes }),
    ...(roles.length > 0 && { roles }),
    ...(args.isSet('broker') && { broker: true }),
    ...(limits && { limits }),
    ...(expires !== undefined && { expires_at: parseExpiry(expires, now) }),
  };
}

/** What is to become of a key, without its revision. @throws UsageError, also when nothing is asked for */
export function keyChange(args: Arguments, now: number): Omit<KeyChange, 'revision'> {
  for (const [given, taken] of opposites)
    if (isGiven(args, given) && args.isSet(taken))
      throw new UsageError(`--${given} and --${taken} are asked for at once`);
  const [name, owner, expires] = [args.text('name'), args.text('owner'), args.text('expires')];
  const [scopes, roles, limits] = [parseScopes(args.list('scope')), args.list('role'), parseLimits(args)];
  const change: Omit<KeyChange, 'revision'> = {
    ...(name !== undefined && { name }),
    ...(owner !== undefined && { owner: owner === '' ? null : owner }),
    ...((scopes.length > 0 || args.isSet('no-scopes')) && { scopes }),
    ...((roles.length > 0 || args.isSet('no-roles')) && { roles }),
    ...(args.isSet('broker') && { broker: true }),
    ...(args.isSet('no-broker') && { broker: false }),
    ...(limits && { limits }),
    ...(args.isSet('no-limits') && { limits: null }),
    ...(expires !== undefined && { expires_at: expires === 'never' ? null : parseExpiry(expires, now) }),
  };
  if (Object.keys(change).length === 0) throw new UsageError('nothing is asked for: --scope, --expires …');
  return change;
}

/** Seconds for which the old secret still does. @throws UsageError */
export function parseGrace(given: string): number {
  return parseSeconds('grace', given, rotateGraceMostSecs);
}

const opposites = [
  ['scope', 'no-scopes'],
  ['role', 'no-roles'],
  ['rate', 'no-limits'],
  ['broker', 'no-broker'],
] as const;

function isGiven(args: Arguments, option: string): boolean {
  return args.isSet(option) || args.list(option).length > 0;
}

function parseScopes(given: string[]): string[] {
  for (const scope of given) {
    const problem = scopeProblem(scope);
    if (problem !== undefined) throw new UsageError(problem.replace(/\.$/, ''));
  }
  return [...new Set(given)];
}

function parseLimits(args: Arguments): RateLimit | undefined {
  const [rate, burst] = [args.text('rate'), args.text('burst')];
  if (rate === undefined) {
    if (burst !== undefined) throw new UsageError('--burst goes with --rate');
    return undefined;
  }
  const [perSecond, most] = [Number(rate), Number(burst)];
  if (!/^\d+(\.\d+)?$/.test(rate) || perSecond <= 0)
    throw new UsageError(`--rate is "${rate}"; it takes a number above 0, such as 10 or 0.5`);
  if (burst !== undefined && (!/^\d{1,9}$/.test(burst) || most < 1))
    throw new UsageError(`--burst is "${burst}"; it takes a whole number from 1`);
  return { rate_per_second: perSecond, ...(burst !== undefined && { burst: most }) };
}

/** A span from now, or a time. */
function parseExpiry(given: string, now: number): string {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i.test(given);
  const at = isTime ? Date.parse(given) : now + parseSeconds('expires', given, expiresMostSecs) * 1_000;
  if (at > now) return new Date(at).toISOString();
  const why = Number.isNaN(at) ? 'is no time that there is' : 'is over';
  throw new UsageError(
    `--expires is "${given}", which ${why}; it takes a span such as 90d or a time to come`,
  );
}
