import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Connection, PluginInfo } from '@bkg/sdk';
import { eventually, startNatsServer } from '@bkg/sdk/testing';
import type { TestServer } from '@bkg/sdk/testing';
import { now } from '../clock.ts';
import { Program } from '../program.ts';
import { MeshProcess } from './mesh-process.ts';

export interface Size {
  plugins: number;
  instances: number;
}

export interface StageOptions extends Size {
  /** What instances begin with. */
  heartbeatMs: number;
}

/** Plugins that are not listed as running with what they can do, instances that are not listed as running. */
export type Missing = Size;

const fullMostMs = 120_000;

/** nats-server, supervisor, gateway and a simulated mesh, each in a process of its own. */
export class Stage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly nats: TestServer;
  readonly supervisor: Program;
  readonly gateway: Program;
  readonly mesh: MeshProcess;
  /** On the broker, for questions. */
  readonly peer: Connection;
  /** From when the last instance was running until the gateway listed all in full, in ms. */
  readonly fullAfterMs: number;
  /** What it did not list when that was given up. */
  readonly missing: Missing;

  static async start({ plugins, instances, heartbeatMs }: StageOptions): Promise<Stage> {
    const stack = new AsyncDisposableStack();
    try {
      const home = mkdtempSync(path.join(tmpdir(), 'bkg-registry-'));
      stack.defer(() => rmSync(home, { recursive: true, force: true }));
      const nats = stack.use(await startNatsServer({ monitor: true }));
      const { url, credentials } = nats;
      const broker = { url, credentials };
      const supervisor = stack.use(await Program.start('supervisor.ts', { ...broker, home }));
      const gateway = stack.use(
        await Program.start('gateway.ts', { ...broker, joinWrites: true, noAuth: true }),
      );
      const mesh = stack.use(await MeshProcess.start({ ...broker, plugins, instances, heartbeatMs }));
      const runningAt = now();
      const peer = await nats.connect('registry');
      const missing = await untilFull(Number(gateway.ready), { plugins, instances });
      const fullAfterMs = now() - runningAt;
      return new Stage({ stack, nats, supervisor, gateway, mesh, peer, fullAfterMs, missing });
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  constructor({
    stack,
    ...parts
  }: Pick<Stage, 'nats' | 'supervisor' | 'gateway' | 'mesh' | 'peer' | 'fullAfterMs' | 'missing'> & {
    stack: AsyncDisposableStack;
  }) {
    this.#stack = stack;
    this.nats = parts.nats;
    this.supervisor = parts.supervisor;
    this.gateway = parts.gateway;
    this.mesh = parts.mesh;
    this.peer = parts.peer;
    this.fullAfterMs = parts.fullAfterMs;
    this.missing = parts.missing;
  }

  /** Of the gateway. */
  get url(): string {
    return `http://127.0.0.1:${Number(this.gateway.ready)}`;
  }

  get pids(): Record<'supervisor' | 'gateway' | 'nats', number> {
    return { supervisor: this.supervisor.pid, gateway: this.gateway.pid, nats: this.nats.pid };
  }

  /** The subjects of telemetry that the gateway hears now. */
  async telemetrySubscriptions(): Promise<string[]> {
    const response = await fetch(`${this.nats.monitorUrl}/connz?subs=1&limit=1024`);
    const { connections } = (await response.json()) as {
      connections: { name?: string; subscriptions_list?: string[] }[];
    };
    return connections
      .filter(({ name }) => name === 'bkg gateway')
      .flatMap(({ subscriptions_list = [] }) => subscriptions_list)
      .filter((subject) => subject.endsWith('.telemetry'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** @returns how many are missing when it has taken too long */
async function untilFull(port: number, size: Size): Promise<Missing> {
  let missing: Missing = { plugins: size.plugins, instances: size.instances };
  await eventually(
    async () => {
      const response = await fetch(`http://127.0.0.1:${port}/api/plugins`);
      missing = missingIn(response.ok ? ((await response.json()) as PluginInfo[]) : [], size);
      return missing.plugins + missing.instances === 0;
    },
    { withinMs: fullMostMs, everyMs: 500 },
  ).catch((error: unknown) => {
    // It is a result too, when most are there.
    if (missing.plugins > size.plugins / 2) throw error;
  });
  return missing;
}

function missingIn(list: readonly PluginInfo[], { plugins, instances }: Size): Missing {
  const full = list.filter(({ status, capabilities }) => status === 'running' && capabilities.length > 0);
  const shown = full.flatMap((plugin) => plugin.instances).filter(({ status }) => status === 'running');
  return { plugins: plugins - full.length, instances: instances - shown.length };
}
