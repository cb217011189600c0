import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { callFilter } from './call-filter.ts';
import {
  addRule,
  createRuleset,
  dropCapabilities,
  filterCalls,
  landlockAbi,
  refuseNewPrivileges,
  restrictSelf,
} from './kernel.ts';
import { limitsTcp, pathRule, portRule, rulesetAttributes } from './landlock.ts';
import type { LauncherRules } from './launcher-rules.ts';
import { architectures } from './system-calls.ts';
import { systemFiles } from './system-files.ts';
import type { Opening } from './system-files.ts';

/** Of fcntl.h, and not among Node's: to name a file without reading it. */
const pathOnly = 0o10_000_000;

/** Programs open them anew as /dev/stdout and /dev/stderr; other things than files need no rule. */
const outputs = [1, 2];

/**
 * Closes in this process, and with it what it becomes and starts, for ever. What the kernel does not know yet is not
 * enforced; the trial at the supervisor's start has found that out.
 * @throws Error when there is no Landlock, or something that is needed cannot be opened
 */
export function seal(rules: LauncherRules): void {
  const abi = landlockAbi();
  if (abi === 0) throw new Error('this kernel has no Landlock, or it is not switched on');
  const ruleset = createRuleset(rulesetAttributes(abi));
  for (const { needed, ...opening } of openings(rules)) allow(ruleset, abi, opening, needed);
  for (const fd of outputs)
    if (fstatSync(fd).isFile()) addRule(ruleset, 'path', pathRule(abi, 'output', { fd, isFolder: false }));
  if (limitsTcp(abi)) for (const port of rules.ports) addRule(ruleset, 'port', portRule(port));
  refuseNewPrivileges();
  restrictSelf(ruleset);
  closeSync(ruleset);
  dropCapabilities();
  const architecture = architectures[process.arch];
  const sharesUser = process.getuid!() === rules.supervisorUser;
  if (architecture) filterCalls(callFilter(architecture, { sharesUser }));
}

function openings(rules: LauncherRules): (Opening & { needed: boolean })[] {
  const { run, own, read, readIfThere } = rules;
  return [
    ...systemFiles().map((one) => ({ ...one, needed: false })),
    ...run.map((path) => ({ path, access: 'run' as const, needed: true })),
    ...own.map((path) => ({ path, access: 'own' as const, needed: true })),
    ...read.map((path) => ({ path, access: 'read' as const, needed: true })),
    ...readIfThere.map((path) => ({ path, access: 'read' as const, needed: false })),
  ];
}

function allow(ruleset: number, abi: number, { path, access }: Opening, needed: boolean): void {
  let fd: number;
  try {
    fd = openSync(path, pathOnly | constants.O_RDONLY);
  } catch (error) {
    // What this user could not reach without a sandbox needs no rule.
    if (!needed) return;
    throw new Error(`${path} cannot be opened: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
  try {
    addRule(ruleset, 'path', pathRule(abi, access, { fd, isFolder: fstatSync(fd).isDirectory() }));
  } finally {
    closeSync(fd);
  }
}
