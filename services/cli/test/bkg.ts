import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';

const program = path.join(import.meta.dirname, '../dist/main.js');

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningBkg {
  child: ChildProcess;
  /** What it has printed so far. */
  printed: Outcome;
  ended: Promise<Outcome>;
}

export interface BkgOptions {
  env?: NodeJS.ProcessEnv;
  /** For standard input; null leaves it open. @default nothing */
  input?: string | null;
  cwd?: string;
  /** What runs it. @default this Node and the built program */
  command?: readonly string[];
}

/** Starts `bkg` as it was built, as a shell does. It knows no mesh but the one that `env` names. */
export function startBkg(args: readonly string[], options: BkgOptions = {}): RunningBkg {
  const { env = {}, input = '', cwd, command = [process.execPath, program] } = options;
  const [file = '', ...rest] = [...command, ...args];
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(BKG_|npm_|NO_COLOR|FORCE_COLOR|CI$)/.test(name),
  );
  const child = spawn(file, rest, {
    env: { ...Object.fromEntries(inherited), TZ: 'UTC', ...env },
    ...(cwd && { cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const printed: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
  // It may end before it has read what it was given.
  child.stdin.on('error', () => undefined);
  if (input !== null) child.stdin.end(input);
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...printed, code }));
  });
  return { child, printed, ended };
}

export function bkg(args: readonly string[], options: BkgOptions = {}): Promise<Outcome> {
  return startBkg(args, options).ended;
}
