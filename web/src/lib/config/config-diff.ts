import {
  changedSecrets,
  isRecord,
  isSecretEnv,
  pointerNames,
  secretMask,
  type ConfigRevision,
  type PluginConfig,
} from '@bkg/sdk/protocol';
import { isWithin, pointerTo } from '../json-pointer.ts';
import { memberOf, sameJson } from '../json-value.ts';

/** A place where two configurations differ. */
export interface Difference {
  /** A JSON pointer. */
  path: string;
  /** Undefined when the place was not there. */
  before: unknown;
  /** Undefined when the place is gone. */
  after: unknown;
  /** It comes back to its default, which only the plugin's folder knows. */
  toDefault?: true;
}

/** Where two configurations differ, leaf by leaf; lists count as one value. Which revisions they are does not matter. */
export function diffConfigs(before: PluginConfig, after: PluginConfig): Difference[] {
  return diffValues(contentOf(before), contentOf(after));
}

/** The same with their versions, which a rollback brings back together with the configuration. */
export function diffRevisions(
  before: Pick<ConfigRevision, 'config' | 'version' | 'secrets'>,
  after: Pick<ConfigRevision, 'config' | 'version' | 'secrets'>,
): Difference[] {
  return [
    ...diffValues({ version: before.version }, { version: after.version }),
    ...diffConfigs(before.config, after.config),
    ...changedSecrets(before, after).map((name) => ({
      path: pointerTo('/env', name),
      before: secretMask,
      after: secretMask,
    })),
  ];
}

/** Whether nobody is shown the value at a place, not even who has just typed it. */
export function isSecretPath(path: string): boolean {
  const name = variableOf(path);
  return name !== undefined && isSecretEnv(name);
}

/** The variable of the environment that a pointer leads to; undefined when it leads elsewhere. */
export function variableOf(path: string): string | undefined {
  const [member, name] = pointerNames(path);
  return member === 'env' ? name : undefined;
}

function diffValues(before: unknown, after: unknown, path = ''): Difference[] {
  if (sameJson(before, after)) return [];
  // An object that comes or goes is told as a whole when it has no members.
  const isOpen = (value: unknown) => isRecord(value) && Object.keys(value).length > 0;
  const [left, right] = [membersOf(before), membersOf(after)];
  if (!left || !right || !(isOpen(before) || isOpen(after))) return [{ path, before, after }];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].flatMap((name) =>
    diffValues(memberOf(left, name), memberOf(right, name), pointerTo(path, name)),
  );
}

/** Places of `mine` at which, within which or around which `theirs` changed something too. */
export function overlapsOf(mine: readonly Difference[], theirs: readonly Difference[]): string[] {
  return mine
    .map(({ path }) => path)
    .filter((path) => theirs.some((other) => isWithin(path, other.path) || isWithin(other.path, path)));
}

const longestValue = 2_000;

/** A value as JSON, laid out when it has an inside. */
export function valueText(value: unknown): string {
  if (value === undefined) return '';
  const text = JSON.stringify(value, null, isRecord(value) || Array.isArray(value) ? 2 : undefined);
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}

function contentOf({ id: _id, revision: _revision, ...content }: PluginConfig): Record<string, unknown> {
  return content;
}

/** What is not there has no members, and is told member by member all the same. */
function membersOf(value: unknown): Record<string, unknown> | undefined {
  if (value === undefined) return {};
  return isRecord(value) ? value : undefined;
}
