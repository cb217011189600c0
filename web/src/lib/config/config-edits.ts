import {
  isForbiddenEnv,
  isRecord,
  type PluginConfig,
  type Sandbox,
  uploadMostMbDefault,
} from '@bkg/sdk/protocol';
import { formatCount } from '../format.ts';
import { diffConfigs, variableOf, type Difference } from './config-diff.ts';
import { applyMergePatch, mergePatchOf, unpatchableNull } from './merge-patch.ts';

/** The numbers of a configuration, by JSON pointer. */
export const numberMembers = {
  '/replicas': { label: 'Instances', unit: '', least: 0, most: 64, isWhole: true },
  '/resources/timeout_secs': {
    label: 'Time limit of an invocation',
    unit: 's',
    least: 0,
    most: 3_600,
    isWhole: false,
  },
  '/resources/max_memory_mb': {
    label: 'Memory limit',
    unit: 'MB per instance',
    least: 16,
    most: 16_777_216,
    isWhole: true,
  },
  '/resources/max_cpu_percent': {
    label: 'CPU limit',
    unit: '% of a core, per instance',
    least: 1,
    most: 100_000,
    isWhole: true,
  },
  '/resources/max_processes': {
    label: 'Processes and threads',
    unit: 'per instance',
    least: 16,
    most: 1_000_000,
    isWhole: true,
  },
  '/limits/max_concurrency': {
    label: 'Invocations at once',
    unit: 'per instance',
    least: 1,
    most: 100_000,
    isWhole: true,
  },
  '/limits/max_queue': {
    label: 'Invocations that wait',
    unit: 'per instance',
    least: 0,
    most: 1_000_000,
    isWhole: true,
  },
  '/limits/max_upload_mb': {
    label: 'Largest upload',
    unit: 'MB',
    least: 1,
    most: 1_048_576,
    isWhole: true,
    ifEmpty: uploadMostMbDefault,
  },
} as const satisfies Record<string, NumberMember>;

export interface NumberMember {
  label: string;
  unit: string;
  least: number;
  most: number;
  isWhole: boolean;
  /** It may be left out; then this counts. */
  ifEmpty?: number;
}

export type NumberPath = keyof typeof numberMembers;
/** What can be taken back to its default by itself. */
export type MemberPath = NumberPath | '/enabled' | '/autostart' | '/sandbox' | '/env' | '/settings';
export const numberPaths = Object.keys(numberMembers) as NumberPath[];

export interface EnvRow {
  name: string;
  value: string;
}

/** A configuration as somebody types it. */
export interface ConfigEdits {
  enabled: boolean;
  autostart: boolean;
  sandbox: Sandbox;
  numbers: Record<NumberPath, string>;
  env: readonly EnvRow[];
  /** As JSON. */
  settings: string;
  /** These come back to their defaults, whatever stands in them. */
  resets: ReadonlySet<MemberPath>;
}

/** What is to be saved. */
export interface EditsRead {
  /** A merge patch. */
  patch: Record<string, unknown>;
  differences: Difference[];
  /** What is wrong, by JSON pointer; a row of the environment by its number. As long as there is any, nothing is saved. */
  mistakes: Map<string, string>;
}

/** Something would be lost without being saved. */
export function isUnsaved({ differences, mistakes }: EditsRead): boolean {
  return differences.length > 0 || mistakes.size > 0;
}

/** The configuration as it is edited when nobody has changed anything. */
export function editsOf(config: PluginConfig): ConfigEdits {
  return {
    enabled: config.enabled,
    autostart: config.autostart,
    sandbox: config.sandbox,
    numbers: numbersOf(config),
    env: Object.entries(config.env).map(([name, value]) => ({ name, value })),
    settings: JSON.stringify(config.settings, null, 2),
    resets: new Set(),
  };
}

export function readEdits(base: PluginConfig, edits: ConfigEdits): EditsRead {
  const mistakes = new Map<string, string>();
  const { resets } = edits;
  const next: PluginConfig = structuredClone(base);
  if (!resets.has('/enabled')) next.enabled = edits.enabled;
  if (!resets.has('/autostart')) next.autostart = edits.autostart;
  if (!resets.has('/sandbox')) next.sandbox = edits.sandbox;
  for (const path of numberPaths)
    if (!resets.has(path)) readNumber(path, edits.numbers[path], next, mistakes);
  if (!resets.has('/env')) next.env = readEnv(edits.env, mistakes);
  if (!resets.has('/settings')) next.settings = readSettings(edits.settings, base.settings, mistakes);
  const changes = (mergePatchOf(base, next) ?? {}) as Record<string, unknown>;
  return {
    patch: applyResets(changes, resets),
    differences: [...diffConfigs(base, next), ...[...resets].map((path) => resetOf(base, path))],
    mistakes,
  };
}

/** The same edits on top of what somebody else has written meanwhile; where both changed a place, these count. */
export function rebaseEdits(base: PluginConfig, theirs: PluginConfig, edits: ConfigEdits): ConfigEdits {
  const [was, now] = [editsOf(base), editsOf(theirs)];
  const { patch, mistakes } = readEdits(base, { ...edits, resets: new Set() });
  const isBroken = (path: string) => [...mistakes.keys()].some((one) => one.startsWith(path));
  const merged = applyMergePatch(theirs, patch) as PluginConfig;
  const rebased = editsOf(merged);
  return {
    enabled: edits.enabled === was.enabled ? now.enabled : edits.enabled,
    autostart: edits.autostart === was.autostart ? now.autostart : edits.autostart,
    sandbox: edits.sandbox === was.sandbox ? now.sandbox : edits.sandbox,
    numbers: Object.fromEntries(
      numberPaths.map((path) => [
        path,
        edits.numbers[path] === was.numbers[path] ? now.numbers[path] : edits.numbers[path],
      ]),
    ) as Record<NumberPath, string>,
    env: isBroken('/env') ? edits.env : rebased.env,
    settings: isBroken('/settings') ? edits.settings : rebased.settings,
    resets: edits.resets,
  };
}

function numbersOf(config: PluginConfig): Record<NumberPath, string> {
  return Object.fromEntries(numberPaths.map((path) => [path, String(valueAt(config, path) ?? '')])) as Record<
    NumberPath,
    string
  >;
}

function readNumber(path: NumberPath, text: string, next: PluginConfig, mistakes: Map<string, string>): void {
  const mistake = numberMistake(path, text);
  if (mistake) mistakes.set(path, mistake);
  else put(next, path, text.trim() === '' ? undefined : Number(text));
}

/** What is wrong with the text of a number, a sentence; undefined when nothing is. */
export function numberMistake(path: NumberPath, text: string): string | undefined {
  const { least, most, isWhole, ifEmpty }: NumberMember = numberMembers[path];
  if (text.trim() === '' && ifEmpty !== undefined) return undefined;
  const value = Number(text);
  const fits =
    path === '/resources/timeout_secs' ? value > 0 && value <= most : value >= least && value <= most;
  if (text.trim() !== '' && fits && (!isWhole || Number.isInteger(value))) return undefined;
  const end = formatCount(most);
  const range = path === '/resources/timeout_secs' ? `above 0, up to ${end}` : `${least} to ${end}`;
  return `A ${isWhole ? 'whole ' : ''}number, ${range}.`;
}

function readEnv(rows: readonly EnvRow[], mistakes: Map<string, string>): Record<string, string> {
  const env = new Map<string, string>();
  for (const [i, { name, value }] of rows.entries()) {
    const mistake = env.has(name) ? `There is another ${name}.` : envNameMistake(name, value);
    if (mistake) mistakes.set(`/env/${i}`, mistake);
    else env.set(name, value);
  }
  return Object.fromEntries(env);
}

function envNameMistake(name: string, value: string): string | undefined {
  if (name === '') return value === '' ? 'It needs a name, or is to be removed.' : 'It needs a name.';
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    return 'A name has letters, digits and _, and does not begin with a digit.';
  if (isForbiddenEnv(name)) return `${name} may not be set: it would change which code the plugin runs.`;
  return undefined;
}

function readSettings(
  text: string,
  before: Record<string, unknown>,
  mistakes: Map<string, string>,
): Record<string, unknown> {
  const settings = parse(text);
  if (!isRecord(settings)) {
    mistakes.set('/settings', settings === undefined ? 'This is no JSON.' : 'Settings are a JSON object.');
    return before;
  }
  const unpatchable = unpatchableNull(before, settings);
  if (unpatchable === undefined) return settings;
  mistakes.set('/settings', `${unpatchable} cannot be set to null; leave it out instead.`);
  return before;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function applyResets(
  patch: Record<string, unknown>,
  resets: ReadonlySet<MemberPath>,
): Record<string, unknown> {
  let all = patch;
  for (const path of resets) {
    // Written out: as a merge patch, `null` would take away what it is to stand in.
    const [outer = '', inner] = path.split('/').slice(1);
    if (inner === undefined) all = { ...all, [outer]: null };
    else all = { ...all, [outer]: { ...(all[outer] as object | undefined), [inner]: null } };
  }
  return all;
}

function resetOf(base: PluginConfig, path: MemberPath): Difference {
  return { path, before: valueAt(base, path), after: undefined, toDefault: true };
}

function valueAt(config: PluginConfig, path: MemberPath): unknown {
  return path
    .split('/')
    .slice(1)
    .reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], config);
}

/** Undefined takes it away. */
function put(config: PluginConfig, path: NumberPath, value: number | undefined): void {
  const [outer = '', inner] = path.split('/').slice(1);
  const all = config as unknown as Record<string, unknown>;
  const [members, name] = inner === undefined ? [all, outer] : [all[outer] as Record<string, unknown>, inner];
  if (value === undefined) Reflect.deleteProperty(members, name);
  else members[name] = value;
}

/** What a problem says of one place, where this page has it; of a row of the environment, by its number. */
export function placeOfError(path: string, rows: readonly EnvRow[]): string {
  const variable = variableOf(path);
  const row = rows.findIndex(({ name }) => name === variable);
  return row < 0 ? path : `/env/${row}`;
}
