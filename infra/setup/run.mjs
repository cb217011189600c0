import { spawn } from 'node:child_process';
import { Failure } from './failure.mjs';

/** Enough for any compiler's output; the rest is noise nobody reads. */
const keptBytes = 256 * 1024;
const posix = process.platform !== 'win32';

/**
 * Runs a program to its end and keeps the last 256 KiB that it printed.
 *
 * It gets a process group of its own, so that on abort or deadline all it started ends with it.
 * @param {string} command
 * @param {string[]} args
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {number} options.timeoutMs
 * @param {string} [options.cwd]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {boolean} [options.show]  its output goes to ours instead of being kept
 * @param {(line: string) => void} [options.onLine]
 * @returns {Promise<{ code: number, stdout: string, output: string }>}  output: both streams as they came
 * @throws {Failure} when it cannot be started or does not end in time
 */
export function run(command, args, options) {
  const { signal, timeoutMs, cwd, env = process.env, show = false, onLine } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      detached: posix,
      windowsHide: true,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    let output = '';
    let stdout = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-keptBytes);
        if (stream === child.stdout) stdout = (stdout + text).slice(-keptBytes);
        if (onLine) text.split(/[\r\n]+/).filter((line) => line.trim()).forEach(onLine); // prettier-ignore
      });
    }

    let late = false;
    let killTimer;
    // What is shown are tests, which have servers to stop; npm on the other hand does not listen to SIGTERM.
    const end = () => {
      killGroup(child, 'SIGTERM');
      killTimer ??= setTimeout(() => killGroup(child, 'SIGKILL'), show ? 5_000 : 1_000);
    };
    const deadline = setTimeout(() => {
      late = true;
      end();
    }, timeoutMs);
    signal.addEventListener('abort', end, { once: true });

    const settle = () => {
      clearTimeout(deadline);
      clearTimeout(killTimer);
      signal.removeEventListener('abort', end);
    };
    child.on('error', (error) => {
      settle();
      reject(
        new Failure(
          `${command} could not be started: ${error.message}.`,
          'check that it is there and may be executed.',
          { cause: error },
        ),
      );
    });
    child.on('close', (code, killedBy) => {
      settle();
      if (signal.aborted) return reject(signal.reason);
      if (late) {
        const seconds = Math.round(timeoutMs / 1000);
        return reject(
          new Failure(
            `${[command, ...args].join(' ')} did not end within ${seconds} s.`,
            'check the network and what else the machine is doing, then run again.',
            { details: output },
          ),
        );
      }
      resolve({ code: code ?? 1, stdout, output: killedBy ? `${output}\nended by ${killedBy}` : output });
    });
  });
}

function killGroup(child, name) {
  try {
    if (posix) process.kill(-child.pid, name);
    else child.kill(name);
  } catch (error) {
    // It ended between the decision and the signal, which is what was wanted.
    if (error.code !== 'ESRCH') throw error;
  }
}
