import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { completeConfig, heartbeatDefaultMs } from '@bkg/sdk';
import type { Manifest } from '@bkg/sdk';
import { homePaths } from '@bkg/sdk/host';
import { startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { launchCommand } from '../../../services/supervisor/dist/launch.js';

/** The same program with the SDK and without, as it is written and with its types taken out before. */
export const sides = ['bare.mjs', 'sdk.mjs', 'bare.ts', 'sdk.ts'] as const;
export type Side = (typeof sides)[number];

const sources = path.join(import.meta.dirname, 'plugins');
const packages = path.join(import.meta.dirname, '../node_modules');
const id = 'small';

/** A broker, and a folder with the programs, which are started as the supervisor starts a plugin. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #folder: string;
  readonly broker: TestServer;

  static async start(): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const folder = mkdtempSync(path.join(tmpdir(), 'bkg-start-up-'));
    starting.defer(() => rmSync(folder, { recursive: true, force: true }));
    // As `bkg new` does it for a plugin elsewhere.
    symlinkSync(packages, path.join(folder, 'node_modules'));
    for (const name of ['bare', 'sdk']) {
      const source = readFileSync(path.join(sources, `${name}.ts`), 'utf8');
      writeFileSync(path.join(folder, `${name}.ts`), source);
      writeFileSync(path.join(folder, `${name}.mjs`), stripTypeScriptTypes(source));
    }
    mkdirSync(path.join(folder, 'home/data', id), { recursive: true });
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify(completeConfig(id, {})));
    const broker = starting.use(await startNatsServer({ jetstream: false }));
    return new Stage(starting.move(), folder, broker);
  }

  constructor(stack: AsyncDisposableStack, folder: string, broker: TestServer) {
    this.#stack = stack;
    this.#folder = folder;
    this.broker = broker;
  }

  /** @param nodeOptions for Node, before the name of the program */
  launch(side: Side, nodeOptions: readonly string[] = []): StartedPlugin {
    const manifest: Manifest = { id, version: '1.0.0', command: ['node', ...nodeOptions, side] };
    const { command, args, env } = launchCommand({
      manifest,
      instance: `bench-${(launched += 1)}`,
      config: completeConfig(id, {}),
      home: homePaths(path.join(this.#folder, 'home')),
      natsUrl: this.broker.url,
      credentialsFile: this.broker.credentialsFile,
      configFile: path.join(this.#folder, 'config.json'),
      held: false,
      heartbeatMs: heartbeatDefaultMs,
      node: process.execPath,
      env: process.env,
    });
    return new StartedPlugin(
      spawn(command, args, { cwd: this.#folder, env, stdio: ['ignore', 'ignore', 'inherit'] }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

let launched = 0;
const endMostMs = 10_000;

export class StartedPlugin implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** In order, as a profile needs it. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), endMostMs);
    await this.#ended;
    clearTimeout(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
