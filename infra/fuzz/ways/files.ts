import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bufferOf } from '../grammar/bytes.ts';
import { fileGrammar, fileSecret } from '../grammar/files.ts';
import type { FileInput } from '../grammar/files.ts';
import type { FileReading } from '../plugins/file-reader.ts';
import { fileFlaws, fileOutcome } from '../rules/files.ts';
import { shapeOf } from '../rules/problems.ts';
import type { Grounds } from './grounds.ts';
import type { Observation, Way } from './way.ts';

const reader = path.join(import.meta.dirname, '../plugins/file-reader.ts');
const overMs = 15_000;
const atOnce = 2;
/** One of so many is read by a process that was started for it, too. */
const oneInProcesses = 100;
/** Of what goes on, because it is in order. */
const lifeMs = 3_000;
const mutants = 4;

/** Files, read by what reads them; of plugins also by the supervisor and by processes that were started with them. */
export async function filesWay(grounds: Grounds): Promise<Way<FileInput>> {
  const idle: ChildProcess[] = [];
  let count = 0;
  return {
    grammar: fileGrammar,
    atOnce,
    run: async (input) => {
      const child = idle.pop() ?? (await startReader());
      const reading = await readBy(child, input);
      if (typeof reading === 'string') return { outcomes: [reading], flaws: [`${input.kind}: ${reading}`] };
      idle.push(child);
      const observation = { outcomes: [fileOutcome(input, reading)], flaws: fileFlaws(input, reading) };
      count += 1;
      if (count % oneInProcesses !== 0) return observation;
      const other = await inProcesses(grounds, input, count);
      return {
        outcomes: [...observation.outcomes, ...other.outcomes],
        flaws: [...observation.flaws, ...other.flaws],
      };
    },
    show: ({ kind, content }) => `${kind} ${JSON.stringify(content.slice(0, 2_000))}`,
    [Symbol.asyncDispose]: async () => {
      for (const child of idle) child.disconnect();
      await Promise.all(idle.map((child) => child.exitCode === null && once(child, 'exit')));
    },
  };
}

async function startReader(): Promise<ChildProcess> {
  const child = fork(reader, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(child, 'message', { signal: AbortSignal.timeout(overMs) });
  return child;
}

/** @returns why it has not answered, when it has not */
function readBy(child: ChildProcess, input: FileInput): Promise<FileReading | string> {
  return new Promise((resolve) => {
    const end = (what: FileReading | string): void => {
      clearTimeout(late);
      child.removeAllListeners();
      resolve(what);
    };
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      end(`it was not read within ${overMs} ms`);
    }, overMs);
    child.once('message', (reading) => end(reading as FileReading));
    child.once('exit', (code, signal) => end(`whoever read it has ended with ${signal ?? code}`));
    child.send(input);
  });
}

/** A plugin whose folder the supervisor watches, or a plugin that is started with the file. */
async function inProcesses(
  grounds: Grounds,
  { kind, content }: FileInput,
  number: number,
): Promise<Observation> {
  if (kind === 'manifest') {
    const folder = path.join(grounds.plugins, `mutant-${number % mutants}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'plugin.json'), bufferOf(content));
  }
  if (kind !== 'config' && kind !== 'credentials') return { outcomes: [], flaws: [] };
  const folder = path.join(grounds.plugins, 'target');
  const file = path.join(grounds.home, `fuzz-${number}.json`);
  const right = path.join(grounds.home, 'fuzz-credentials.json');
  writeFileSync(file, bufferOf(content), { mode: 0o600 });
  writeFileSync(right, JSON.stringify({ user: 'u', password: fileSecret }), { mode: 0o600 });
  const child = spawn(process.execPath, ['target.ts'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      BKG_PLUGIN_ID: 'target',
      BKG_VERSION: '1.0.0',
      BKG_NATS_URL: 'nats://127.0.0.1:1',
      BKG_DATA_DIR: path.join(grounds.home, 'fuzz-data'),
      BKG_CREDENTIALS_FILE: kind === 'credentials' ? file : right,
      ...(kind === 'config' && { BKG_CONFIG_FILE: file }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const enough = setTimeout(() => child.kill('SIGKILL'), lifeMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(enough);
  const flaws: string[] = [];
  if (/\b(?:TypeError|RangeError|ReferenceError|Uncaught|unhandled)\b/i.test(text))
    flaws.push(`a plugin with this ${kind} says: ${text.slice(0, 500)}`);
  if (text.includes(fileSecret))
    flaws.push(`a plugin with this ${kind} prints a secret: ${text.slice(0, 500)}`);
  return {
    outcomes: [
      `a plugin with this ${kind} ends with ${signal ?? code}: ${shapeOf(text.replaceAll(/\S*\/\S*/g, ''))}`,
    ],
    flaws,
  };
}
