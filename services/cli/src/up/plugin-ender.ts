import { settlesWithin } from '@bkg/sdk/host';
import { projectFolder } from '../project.ts';
import type { Said } from '../say.ts';
import { describeEnding, killGroup, neverStarted, startProcess } from './held-process.ts';
import type { Ending, HeldProcess } from './held-process.ts';
import type { LogFile } from './log-file.ts';
import type { Program } from './programs.ts';

/** The supervisor's own program for the case that no supervisor answers: it finds plugins by its records. */
export interface PluginEnder {
  program: Program;
  env: NodeJS.ProcessEnv;
  /** For what it prints. */
  log: LogFile;
}

export type PluginsEnded = { how: 'stopped' | 'killed' } | { why: string };

const killWithinMs = 3_000;

/** Ends every plugin of the home, gently for `gentleMs` or until `kill` aborts. */
export async function endPlugins(
  ender: PluginEnder,
  gentleMs: number,
  kill: AbortSignal,
): Promise<PluginsEnded> {
  if (gentleMs > 0 && !kill.aborted) {
    const gentle = await runUntil(start(ender, []), gentleMs, kill);
    if (gentle && succeeded(gentle)) return { how: 'stopped' };
  }
  const hard = await runUntil(start(ender, ['--now']), killWithinMs);
  if (hard && succeeded(hard)) return { how: 'killed' };
  return { why: `what ends them ${hard ? describeEnding(hard) : 'did not end'} (log: ${ender.log.file})` };
}

export function describePlugins(ended: PluginsEnded): string | Said {
  if ('why' in ended) return { mark: '✗', text: `may still run: ${ended.why}` };
  return ended.how === 'stopped' ? 'stopped' : { mark: '!', text: 'killed' };
}

function start({ program: { command, args }, env, log }: PluginEnder, more: readonly string[]): HeldProcess {
  try {
    return log.append((output) =>
      startProcess({ command, args: [...args, ...more], env, cwd: projectFolder, output }),
    );
  } catch (error) {
    // Its log cannot be opened. Whoever stops the mesh goes on with the parts.
    return neverStarted(error as Error);
  }
}

/** @returns undefined when it did not end in time or before `cut` aborted; then it is killed */
async function runUntil(process: HeldProcess, ms: number, cut?: AbortSignal): Promise<Ending | undefined> {
  const { promise: isCut, resolve } = Promise.withResolvers<undefined>();
  const onCut = (): void => resolve(undefined);
  cut?.addEventListener('abort', onCut, { once: true });
  try {
    const first = Promise.race([process.ended, isCut]);
    const ending = (await settlesWithin(first, ms)) ? await first : undefined;
    if (!ending) killGroup(process);
    return ending;
  } finally {
    cut?.removeEventListener('abort', onCut);
  }
}

function succeeded(ending: Ending): boolean {
  return ending !== 'unknown' && 'code' in ending && ending.code === 0;
}
