import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';

/**
 * Runs a benchmark as anybody does, to its end, or to that of the test.
 * @returns its exit code, all that it printed, and the value in its last line, undefined when that is no JSON
 */
export async function runToLastLine(program, args) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGTERM'));
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const last = text.trimEnd().split('\n').at(-1) ?? '';
  return { code, text, result: last.startsWith('{"ok":') ? JSON.parse(last) : undefined };
}
