import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nuid } from '@nats-io/nats-core';
import { configDefaults } from '@bkg/sdk';
import type { PluginConfig, Sandbox } from '@bkg/sdk';
import { homePaths } from '@bkg/sdk/host';
import type { HomePaths } from '@bkg/sdk/host';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import type { Confinement } from '../src/isolation/confinement.ts';
import { probeMachine } from '../src/isolation/machine.ts';
import type { ConfineSpec, Machine } from '../src/isolation/machine.ts';
import { killSession, launchProcess } from '../src/process-driver.ts';
import type { InstanceProcess } from '../src/process-driver.ts';
import { listProcesses, environmentOf } from '../src/process-table.ts';

export interface StartOptions {
  pluginId?: string;
  /** Limits that are not the usual ones. */
  resources?: Partial<PluginConfig['resources']>;
  /** @default 'off' */
  sandbox?: Sandbox;
  machine?: Machine;
  /** @default one that is open to everybody */
  folder?: string;
}

/** An instance without a mesh: a process in its place. */
export interface Started {
  instance: string;
  spec: ConfineSpec;
  confinement: Confinement;
  process: InstanceProcess;
  pid: number;
  output: () => string;
}

/** A home, and this machine as it was found by its trials. */
export class IsolationKit implements AsyncDisposable {
  readonly home: HomePaths;
  /** Of plugins that everybody can read. */
  readonly plugins: string;
  machine!: Machine;
  readonly #folder: string;
  readonly #started: Started[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.home = homePaths(path.join(folder, 'home'));
    this.plugins = path.join(folder, 'plugins');
    mkdirSync(this.home.home, { mode: 0o700 });
    for (const one of [this.home.run, this.home.data, this.home.logs, this.home.nats]) mkdirSync(one);
    mkdirSync(this.plugins);
  }

  static async create(): Promise<IsolationKit> {
    const folder = await mkdtemp(path.join(tmpdir(), 'bkg-isolation-'));
    await chmod(folder, 0o711);
    const kit = new IsolationKit(folder);
    kit.machine = await kit.probe();
    return kit;
  }

  /** As a supervisor does when it starts. */
  probe(): Promise<Machine> {
    const { home } = this;
    return probeMachine({
      home,
      node: process.execPath,
      log: silentLogger,
      signal: new AbortController().signal,
    });
  }

  /** @param code of a program of Node that the plugin is */
  start(code: string, options: StartOptions = {}): Started {
    return this.run([process.execPath, '-e', code], options);
  }

  run(command: readonly string[], options: StartOptions = {}): Started {
    const { pluginId = 'one', resources = {}, machine = this.machine, sandbox = 'off' } = options;
    const { folder = path.join(this.plugins, pluginId) } = options;
    const instance = nuid.next();
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'plugin.json'), '{}');
    const dataDir = path.join(this.home.data, pluginId);
    mkdirSync(dataDir, { recursive: true });
    const ownFile = path.join(this.home.run, `${instance}.credentials.json`);
    writeFileSync(ownFile, '{"user":"u"}', { mode: 0o600 });
    const spec: ConfineSpec = {
      instance,
      pluginId,
      folder,
      dataDir,
      shownFiles: [ownFile],
      ownFiles: [],
      readable: [],
      servers: 'nats://127.0.0.1:4222',
      config: { resources: { ...configDefaults.resources, ...resources }, sandbox },
    };
    const confinement = machine.confine(spec);
    const [program = '', ...args] = command;
    const file = path.join(this.home.run, `${instance}.out`);
    const out = openSync(file, 'a', 0o600);
    const env = {
      PATH: '/usr/bin:/bin',
      BKG_HOME: this.home.home,
      BKG_INSTANCE_ID: instance,
      BKG_DATA_DIR: dataDir,
      BKG_CREDENTIALS_FILE: ownFile,
    };
    const launched = launchProcess({
      instance,
      program,
      ...confinement.wrap(program, args),
      folder,
      env,
      output: { out, err: out },
    });
    closeSync(out);
    const pid = launched.identity?.pid ?? 0;
    const output = (): string => readFileSync(file, 'utf8');
    const started = { instance, spec, confinement, process: launched, pid, output };
    this.#started.push(started);
    return started;
  }

  /** Processes that carry the instance, or any of this home. */
  carriers(instance?: string): number[] {
    return listProcesses().flatMap(({ pid }) => {
      const env = environmentOf(pid);
      if (env?.get('BKG_HOME') !== this.home.home) return [];
      return instance === undefined || env.get('BKG_INSTANCE_ID') === instance ? [pid] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { confinement, pid, instance } of this.#started) {
      confinement.kill();
      if (pid > 0) killSession(pid, instance, { leaderIsOurs: false });
      confinement.release();
    }
    await eventually(() => this.machine.leftovers().length === 0);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
