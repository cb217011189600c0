import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger, Instance, problemOfMsg, type Connection, type Problem } from '@bkg/sdk';
import { readProcessTotals } from '@bkg/sdk/host';
import { eventually, startNatsServer, type TestServer } from '@bkg/sdk/testing';
import { createCandle, type CandleOptions } from '../src/candle.ts';
import type { ModelEntry } from '../src/inventory.ts';
import { temporaryFolder, type Folder } from './sample-models.ts';

export type Answer = Record<string, unknown> & Partial<Problem>;

export interface RunningCandle {
  instance: Instance;
  log: string[];
}

/** A broker, a data folder and any number of candle's instances in this process, as they meet in a mesh. */
export class CandleMesh implements AsyncDisposable {
  readonly server: TestServer;
  readonly folder: Folder;
  readonly caller: Connection;
  readonly #running: Instance[] = [];

  constructor(server: TestServer, folder: Folder, caller: Connection) {
    [this.server, this.folder, this.caller] = [server, folder, caller];
  }

  static async create(): Promise<CandleMesh> {
    const server = await startNatsServer({ jetstream: false });
    return new CandleMesh(server, await temporaryFolder(), await server.connect('caller'));
  }

  async start(options: Partial<CandleOptions> = {}): Promise<RunningCandle> {
    const log: string[] = [];
    const destination = new Writable({
      write: (line: Buffer, _, done) => {
        log.push(line.toString());
        done();
      },
    });
    const home = this.folder.path;
    const plugin = createCandle({ homeDir: home, dataDir: join(home, 'data/candle'), ...options });
    const connection = await this.server.connect('candle');
    const instance = new Instance(plugin, { connection, log: createLogger({}, { destination }) });
    this.#running.push(instance);
    await instance.start();
    return { instance, log };
  }

  /** The answer's JSON, or the problem it failed with. */
  async ask(capability: string, payload: unknown, headers?: Record<string, string>): Promise<Answer> {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const msg = await this.caller.request(`plugin.candle.invoke.${capability}`, text, {
      timeoutMs: 20_000,
      ...(headers && { headers }),
    });
    return (problemOfMsg(msg) as Answer | undefined) ?? msg.json();
  }

  async askAt({ instance }: RunningCandle, capability: string, payload: unknown): Promise<Answer> {
    const subject = `plugin.candle.at.${instance.id}.invoke.${capability}`;
    return (await this.caller.request(subject, JSON.stringify(payload), { timeoutMs: 20_000 })).json();
  }

  async entry(model_id: string, candle?: RunningCandle): Promise<ModelEntry | undefined> {
    const answer = candle ? await this.askAt(candle, 'model.list', {}) : await this.ask('model.list', {});
    return (answer as unknown as { models: ModelEntry[] }).models.find(
      (entry) => entry.model_id === model_id,
    );
  }

  /** The process that holds a model now. */
  pidOf(model_id: string): Promise<number> {
    return eventually(async () => (await this.entry(model_id))?.pid);
  }

  /**
   * The process of a model that was idle, once it is at work: invocations look for their file before they queue, so that
   * of several that are sent together any may be the first.
   */
  async atWork(model_id: string): Promise<number> {
    const pid = await this.pidOf(model_id);
    const before = cpuMsOf(pid);
    await eventually(() => cpuMsOf(pid) > before + 50);
    return pid;
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((instance) => instance.drain()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll();
    await this.server.stop();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** 0 when there is no such process. */
export const cpuMsOf = (pid: number): number => readProcessTotals(pid)?.cpuMs ?? 0;
