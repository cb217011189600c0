import type { Connection } from '../connection.ts';
import { CaseRun } from './case-run.ts';
import { drainOf, untilGone } from './draining.ts';
import type { AskToDrain } from './draining.ts';
import { levelsUpTo, suite } from './suite.ts';
import type { ConformanceCase, Level, Need } from './suite.ts';
import type { GivenUpload } from './samples.ts';
import { findTarget } from './target.ts';
import type { Target } from './target.ts';
import type { Binding } from './variables.ts';
import { Broken, NotTried } from './verdict.ts';

export interface ConformanceOptions {
  connection: Connection;
  pluginId: string;
  /** Valid payloads by capability: these are invoked. @default one is made for one capability that is idempotent */
  samples?: Record<string, unknown>;
  /** A payload that keeps its capability busy for 3 to 8 seconds. Without it what ends early cannot be tried. */
  slow?: Record<string, unknown>;
  /** What is sent to capabilities that take uploads. @default something made for one capability that is idempotent */
  uploads?: Record<string, GivenUpload>;
  /** Those that are tried, with all that they stand on. `graceful` and `full` end an instance. @default 'live' */
  level?: Level | readonly Level[];
  /** Only these, by their ids. @default all */
  cases?: readonly string[];
  signal?: AbortSignal;
  onCase?: (result: CaseResult) => void;
  /** Asks an instance to end. @default over the supervisor when the plugin is managed, else by `plugin.<id>.ctl` */
  drain?: AskToDrain;
}

export interface CaseResult {
  case: string;
  level: Level;
  title: string;
  /** The section of PROTOCOL.md that asks for it. */
  section: string;
  verdict: 'kept' | 'broken' | 'not tried';
  /** Of a broken case; "" otherwise. */
  expected: string;
  /** Of a broken case; why it was not tried; "" for a kept one. */
  got: string;
}

/**
 * Tries the suite on a running plugin, case after case, in the order of the suite.
 * @throws Error when nobody answers for the plugin, or a sample is for a capability that it does not have
 */
export async function runConformance(options: ConformanceOptions): Promise<CaseResult[]> {
  const { connection, level = 'live', signal = new AbortController().signal, onCase } = options;
  const target = await findTarget(options);
  const asked = [level].flat();
  const ask = options.drain ?? drainOf(connection, target);
  const drain = async (instance: string, withinMs: number): Promise<void> => {
    await ask(instance);
    await untilGone(connection, target, instance, withinMs, signal);
  };
  const results: CaseResult[] = [];
  for (const one of chosenCases(options.cases)) {
    const { id, title, section } = one;
    const told = { case: id, level: one.level, title, section };
    const result = { ...told, ...(await verdictOf(one)) };
    signal.throwIfAborted();
    results.push(result);
    onCase?.(result);
  }
  return results;

  async function verdictOf(one: ConformanceCase): Promise<Pick<CaseResult, 'verdict' | 'expected' | 'got'>> {
    try {
      if (!asked.some((wanted) => levelsUpTo(wanted).includes(one.level)))
        throw new NotTried(`only what is up to the level ${asked.join(', ')} was asked for`);
      for (const need of one.needs ?? []) assertNeed(need, target);
      for (const binding of bindingsOf(one, target))
        await new CaseRun({ connection, target, binding, signal, drain }).run(one.steps);
      return { verdict: 'kept', expected: '', got: '' };
    } catch (error) {
      if (error instanceof NotTried) return { verdict: 'not tried', expected: '', got: error.message };
      if (error instanceof Broken) return { verdict: 'broken', expected: error.expected, got: error.got };
      throw error;
    }
  }
}

function chosenCases(ids: readonly string[] | undefined): ConformanceCase[] {
  const unknown = ids?.find((id) => !suite.cases.some((one) => one.id === id));
  if (unknown !== undefined) {
    const known = suite.cases.map(({ id }) => id).join(', ');
    throw new Error(`There is no case "${unknown}"; there are ${known}.`);
  }
  return suite.cases.filter(({ id }) => ids?.includes(id) ?? true);
}

/**
 * Of the levels up to this one the highest of which every case is kept, and every case of those below; undefined for none.
 */
export function reachedLevel(results: readonly CaseResult[], upTo: Level = 'full'): Level | undefined {
  const levels = levelsUpTo(upTo);
  const failed = levels.findIndex((level) =>
    results.some((result) => result.level === level && result.verdict !== 'kept'),
  );
  return failed < 0 ? upTo : levels[failed - 1];
}

const whyNot: Record<Need, string> = {
  payload:
    'no payload is known to be valid, and without a sample only a capability that is idempotent is invoked: give one',
  stream: 'no capability streams of which a payload is known to be valid: give a sample',
  upload: 'no capability takes uploads of which it is known what it takes: give an upload',
  no_upload: 'every capability takes uploads',
  invalid: 'every payload fits the input schema',
  slow: 'no work is known that takes 3 to 8 seconds: give some',
  one_instance: 'several instances run, and nobody can tell which of them answers',
};

function assertNeed(
  need: Need,
  { samples, streams, uploads, capabilities, invalid, slow, instances }: Target,
): void {
  const isThere = {
    payload: samples.length > 0,
    stream: streams.length > 0,
    upload: uploads.length > 0,
    no_upload: capabilities.some(({ isUpload }) => !isUpload),
    invalid: invalid.length > 0,
    slow: slow !== undefined,
    one_instance: instances.length === 1,
  };
  if (!isThere[need]) throw new NotTried(whyNot[need]);
}

/** What the case runs with: once, or once for each of what it names. */
function bindingsOf(
  { each, needs = [] }: ConformanceCase,
  { instances, samples: plain, streams, uploads, invalid }: Target,
): Binding[] {
  const samples = needs.includes('stream') ? streams : needs.includes('upload') ? uploads : plain;
  const [sample] = samples;
  if (each === 'instance') return instances.map((instance) => ({ instance, ...(sample && { sample }) }));
  if (needs.includes('invalid')) {
    const all = invalid.map(({ capability, payload }) => ({
      sample: { capability, payload: undefined, isGiven: true },
      invalid: payload,
    }));
    return each ? all : all.slice(0, 1);
  }
  if (each === 'capability') return samples.map((one) => ({ sample: one }));
  return [{ ...(sample && { sample }) }];
}
