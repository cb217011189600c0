import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const setup = path.resolve(import.meta.dirname, '..');

/**
 * A checkout with this set-up and nothing else, to be broken at will.
 * @returns {{ root: string, write(file: string, text: string, mode?: number): string, [Symbol.dispose](): void }}
 */
export function temporaryCheckout() {
  const root = mkdtempSync(path.join(tmpdir(), 'bkg-setup-'));
  cpSync(setup, path.join(root, 'infra/setup'), {
    recursive: true,
    filter: (file) => !file.endsWith('/test'),
  });
  const write = (file, text, mode = 0o644) => {
    const target = path.join(root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
    chmodSync(target, mode);
    return target;
  };
  write('package.json', '{ "packageManager": "pnpm@12.4.2", "type": "module" }');
  return { root, write, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** An environment in which only these folders have programs, without what npm told the test run itself. */
export function bareEnv(...folders) {
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(HOME|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_.*)$/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: folders.join(path.delimiter) };
}

/** The folders that hold the running Node and the system's shell. */
export const systemFolders = [path.dirname(process.execPath), '/usr/bin', '/bin'];

/**
 * Starts a script of a checkout with the running Node.
 * @returns {{ child: import('node:child_process').ChildProcess, ended: Promise<{ code: number | null, output: string }>, said(text: string): Promise<void> }}
 */
export function start(root, script, { env, args = [], nodeArgs = [] }) {
  const file = path.join(root, script);
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] }); // prettier-ignore
  let output = '';
  const waiting = [];
  const hear = (text) => {
    output += text;
    for (const { text: wanted, resolve } of waiting) if (output.includes(wanted)) resolve();
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
  const said = (text) => {
    const heard = new Promise((resolve) =>
      output.includes(text) ? resolve() : waiting.push({ text, resolve }),
    );
    const silent = ended.then(() => {
      if (!output.includes(text)) throw new Error(`ended without saying ${text}:\n${output}`);
    });
    return Promise.race([heard, silent]);
  };
  return { child, ended, said };
}
