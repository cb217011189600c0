import type { PluginInfo } from '@bkg/sdk/protocol';

/** A version by Semantic Versioning 2.0.0, build metadata left out: it has no part in the order. */
interface Semver {
  numbers: [number, number, number];
  /** Empty for a release. */
  prerelease: string[];
}

const pattern = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

/**
 * The one that runs, and else the one that the next start brings: the first of those that lie here. Undefined when none
 * does.
 */
export function currentVersion({
  version,
  versions,
  instances,
}: Pick<PluginInfo, 'version' | 'versions' | 'instances'>): string | undefined {
  return instances.length > 0 && versions.includes(version) ? version : versions[0];
}

/** Newest first; what is no semantic version comes after all that are, by its letters. */
export function newestFirst(versions: readonly string[]): string[] {
  return [...new Set(versions)].sort((a, b) => compareVersions(b, a));
}

/** Below 0 when `a` is older, above 0 when it is newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return Number(Boolean(left)) - Number(Boolean(right)) || compareTexts(a, b);
  return compareSemver(left, right) || compareTexts(a, b);
}

function parse(version: string): Semver | undefined {
  const match = pattern.exec(version);
  if (!match) return undefined;
  const [, major, minor, patch, prerelease] = match;
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease?.split('.') ?? [],
  };
}

function compareSemver(a: Semver, b: Semver): number {
  for (const [i, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Number(b.prerelease.length > 0) - Number(a.prerelease.length > 0);
  for (const [i, left] of a.prerelease.entries()) {
    const right = b.prerelease[i];
    if (right === undefined) return 1;
    const difference = compareIdentifiers(left, right);
    if (difference !== 0) return difference;
  }
  return a.prerelease.length - b.prerelease.length;
}

/** Numbers by their size and before all others. */
function compareIdentifiers(a: string, b: string): number {
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return Number(a) - Number(b);
  return Number(isNumberB) - Number(isNumberA) || compareTexts(a, b);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
