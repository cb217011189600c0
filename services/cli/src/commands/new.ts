import path from 'node:path';
import { delay } from '@bkg/sdk/host';
import { pluginIdProblem } from '@bkg/sdk/protocol';
import { pluginPath } from '../api-paths.ts';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { Gateway } from '../gateway.ts';
import { interruptible } from '../interruption.ts';
import { makePlugin, templates } from '../new-plugin.ts';
import type { MadePlugin, Template } from '../new-plugin.ts';
import { pluginParents } from '../plugin-parents.ts';
import { fromHere, program } from '../project.ts';
import { Refusal } from '../refusal.ts';
import { shellWord } from '../shell-word.ts';
import { readPluginFolders } from '../up/settings.ts';

/** The supervisor looks around twice a second, and a folder must have settled. */
const foundWithinMs = 4_000;
const lookEveryMs = 100;

/** `bkg new <name>`: a plugin that runs, from one of the SDK's examples. */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [id = ''] = args.words;
  const problem = pluginIdProblem(id);
  if (problem) throw new UsageError(problem.replace(/\.$/, ''));
  const template = readTemplate(args.text('template') ?? 'typescript');
  const watched = pluginParents(env);
  const given = args.text('in');
  const parent = given === undefined ? (watched[0] ?? '') : path.resolve(given);
  return interruptible(async (signal) => {
    const made = await makePlugin({ template, id, parent, signal });
    const isWatched = watched.includes(parent);
    const isFound = isWatched && (await isFoundByMesh(new Gateway(args, env), id, signal));
    process.stdout.write(report(id, template, made, { isWatched, isFound }, env));
    return 0;
  });
}

/**
 * Whether a mesh runs and lists it, which takes it a moment: what is proposed next can then be done at once. It is made
 * in any case.
 */
async function isFoundByMesh(gateway: Gateway, id: string, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + foundWithinMs;
  while (performance.now() < until) {
    try {
      await gateway.get(pluginPath(id), { signal, timeoutMs: foundWithinMs });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Refusal)) return false;
    }
    await delay(lookEveryMs, signal);
  }
  return false;
}

function readTemplate(given: string): Template {
  const template = templates.find((known) => known === given);
  if (template) return template;
  throw new UsageError(`there is no template "${given}"; there are ${templates.join(', ')}`);
}

interface Whereabouts {
  /** In a folder where a mesh with our settings looks. */
  isWatched: boolean;
  /** By the mesh that runs. */
  isFound: boolean;
}

/** What was made, and what to do next. */
function report(
  id: string,
  template: Template,
  made: MadePlugin,
  { isWatched, isFound }: Whereabouts,
  env: NodeJS.ProcessEnv,
): string {
  const { folder, files, isCompiled } = made;
  const commands = [
    ...(isWatched ? [] : [startWith([...readPluginFolders(env), path.dirname(folder)])]),
    `${program} start ${id}`,
    `${program} invoke ${id} greet '{"name": "Ada"}'`,
    `${program} conformance ${id}`,
  ];
  return [
    `Made ${shown(folder)} from the template ${template}: ${files.join(', ')}.`,
    ...(isCompiled
      ? ['', `After a change: ${fromHere('npx')} tsc -p ${shown(folder)}, then ${program} restart ${id}.`]
      : []),
    '',
    isFound
      ? 'The mesh has found it. Next:'
      : isWatched
        ? 'A mesh finds it by itself. Next:'
        : 'The mesh has to be told of its folder when it is started. Next:',
    '',
    ...commands.map((command) => `  ${command}`),
    '',
  ].join('\n');
}

/** How a mesh is started that looks into these folders, from wherever the reader is. */
function startWith(folders: readonly string[]): string {
  return `BKG_PLUGINS_PATH=${shellWord(folders.join(path.delimiter))} ${fromHere('npm')} start`;
}

/** A folder as it can be pasted into a shell, from where the reader is. */
function shown(folder: string): string {
  const relative = path.relative(process.cwd(), folder);
  return shellWord(relative.startsWith('..') ? folder : relative || '.');
}
