import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { LogRecord } from '../../src/protocol/index.ts';

const root = path.resolve(import.meta.dirname, '../../../..');

/** A copy of a Nest program outside of the tree, compiled by the project's TypeScript. */
export class CompiledCopy implements AsyncDisposable {
  readonly folder: string;
  readonly #programs: Program[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  static async of(source: string): Promise<CompiledCopy> {
    const copy = new CompiledCopy(await mkdtemp(path.join(tmpdir(), 'bkg-nest-')));
    const isSource = (file: string): boolean => !['dist', 'node_modules'].includes(path.basename(file));
    await cp(source, copy.folder, { recursive: true, filter: isSource });
    await writeFile(path.join(copy.folder, 'package.json'), '{"type":"module"}');
    // As a folder below the project's root finds them.
    await symlink(path.join(root, 'node_modules'), path.join(copy.folder, 'node_modules'));
    const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
    const tsc = spawn(process.execPath, [compiler, '-p', copy.folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [complaints, code] = await Promise.all([text(tsc.stdout), exitOf(tsc)]);
    if (code !== 0) throw new Error(`tsc -p ${source} failed:\n${complaints}`);
    return copy;
  }

  /** The same program with a copy of Nest of its own. */
  async withOwnNest(): Promise<CompiledCopy> {
    const copy = new CompiledCopy(await mkdtemp(path.join(tmpdir(), 'bkg-nest-')));
    for (const name of ['dist', 'package.json'])
      await cp(path.join(this.folder, name), path.join(copy.folder, name), { recursive: true });
    await copyNest(path.join(copy.folder, 'node_modules'));
    return copy;
  }

  run(file: string, env: Record<string, string>): Program {
    const program = new Program(path.join(this.folder, file), env);
    this.#programs.push(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#programs) child.kill('SIGKILL');
    await Promise.all(this.#programs.map(({ ended }) => ended));
    await rm(this.folder, { recursive: true });
  }
}

/** Nest as a service brings it along: other files, so other classes, than those that the SDK imports. */
async function copyNest(packages: string): Promise<void> {
  await mkdir(path.join(packages, '@nestjs'), { recursive: true });
  for (const name of ['common', 'core', 'microservices']) {
    const original = await realpath(path.join(root, 'node_modules/@nestjs', name));
    await cp(original, path.join(packages, '@nestjs', name), { recursive: true });
    // What it imports lies beside it.
    const beside = path.resolve(original, '../..');
    for (const other of await readdir(beside)) {
      const isThere = other === '@nestjs' || existsSync(path.join(packages, other));
      if (!isThere) await symlink(path.join(beside, other), path.join(packages, other));
    }
  }
  await symlink(path.join(root, 'node_modules/@bkg'), path.join(packages, '@bkg'));
}

/** A process, and what it has printed. */
export class Program {
  readonly child: ChildProcess;
  /** Its exit code, or the signal that it died of. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  stdout = '';
  stderr = '';

  constructor(file: string, env: Record<string, string>) {
    this.child = spawn(process.execPath, [file], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = exitOf(this.child);
  }

  /** The lines of standard output that are records. */
  get records(): LogRecord[] {
    const lines = this.stdout.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as LogRecord);
  }

  get messages(): string[] {
    return this.records.map(({ message }) => message);
  }
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
}
