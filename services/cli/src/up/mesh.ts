import path from 'node:path';
import { Failure } from '../failure.ts';
import type { Say } from '../say.ts';
import { Access } from './access.ts';
import type { AccessTimings } from './access.ts';
import type { Broker } from './broker.ts';
import { adoptProcess, endProcess, isAlive } from './held-process.ts';
import type { Home } from './home.ts';
import { boundLogs, logFile } from './log-file.ts';
import type { Bounds, LogFile } from './log-file.ts';
import { Part } from './part.ts';
import type { PartTimings } from './part.ts';
import type { PartSpec } from './parts.ts';
import { describePlugins, endPlugins } from './plugin-ender.ts';
import type { PluginEnder } from './plugin-ender.ts';
import { reportPlugins } from './plugin-report.ts';
import type { ReportTimings } from './plugin-report.ts';
import type { Program } from './programs.ts';
import { brokerIsReady } from './readiness.ts';
import { stopMesh } from './stop-mesh.ts';
import type { StopTimings } from './stop-mesh.ts';
import { partNames, writeUpRecord } from './up-record.ts';
import type { UpRecord } from './up-record.ts';

export interface MeshTimings {
  part: PartTimings;
  plugins: ReportTimings;
  stop: StopTimings;
  logs: Bounds;
  access: AccessTimings;
}

export interface MeshOptions {
  home: Home;
  broker: Broker;
  /** In the order of their start. */
  specs: readonly PartSpec[];
  /** The dashboard's address. */
  url: string;
  /** The gateway asks nobody who they are, so nobody needs a key. */
  noAuth: boolean;
  stopPlugins: Program;
  /** What an earlier `bkg up` wrote, kept up to date from now on. */
  record: UpRecord;
  say: Say;
  timings: MeshTimings;
}

/** The parts of one home: started or adopted in order, held, stopped in order. */
export class Mesh {
  readonly #options: MeshOptions;
  readonly #parts: Part[];
  readonly #pluginEnder: PluginEnder;
  /** Aborts when the parts are not to be held any more, by `stop` or by a fault. */
  readonly #end = new AbortController();
  readonly #holds: Promise<void>[] = [];

  constructor(options: MeshOptions) {
    this.#options = options;
    const { specs, say, timings, stopPlugins } = options;
    this.#parts = specs.map(
      (spec) =>
        new Part(spec, {
          log: this.#log(spec.name),
          say,
          timings: timings.part,
          onStart: (identity) => this.#write({ [spec.name]: { ...identity, fingerprint: spec.fingerprint } }),
        }),
    );
    const supervisor = specs.find(({ name }) => name === 'supervisor');
    this.#pluginEnder = { program: stopPlugins, env: supervisor?.env ?? {}, log: this.#log('supervisor') };
  }

  get url(): string {
    return this.#options.url;
  }

  /**
   * Starts what does not run yet, and tells of every part and plugin.
   * @returns a link to sign in with, if there can be one
   * @throws Failure; the reason of `signal`
   */
  async start(signal: AbortSignal): Promise<string | undefined> {
    const { broker, record, url, say, timings } = this.#options;
    const both = AbortSignal.any([signal, this.#end.signal]);
    await this.#endObsolete(signal);
    Object.assign(record, { url, broker: broker.fingerprint });
    this.#write({});
    if (!broker.own) await this.#findForeignBroker(both);
    for (const part of this.#parts) {
      const earlier = record.parts[part.name];
      if (!earlier || !isAlive(earlier) || !(await part.adopt(earlier, both))) await part.start(both);
      // What fails here is a fault of ours, and ends the mesh as one.
      this.#holds.push(part.hold(both).catch((error: unknown) => this.#end.abort(error)));
    }
    // Beside the plugins, because the keeper of the keys is one of them. What fails is told when it is waited for.
    const opening = this.#openAccess(both);
    opening.catch(() => undefined);
    await reportPlugins(broker, say, timings.plugins, both);
    const link = await opening;
    record.state = 'up';
    this.#write({});
    return link;
  }

  /** Keeps the parts running until `signal` aborts. */
  async hold(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#holds);
    if (!signal.aborted) this.#end.signal.throwIfAborted();
  }

  /** @returns whether everything ended as it should */
  stop(kill: AbortSignal): Promise<boolean> {
    this.#end.abort(new Error('bkg is stopping'));
    const { broker: address, record, say, timings } = this.#options;
    record.state = 'stopping';
    this.#write({});
    return stopMesh({
      parts: this.#parts,
      address,
      pluginEnder: this.#pluginEnder,
      say,
      timings: timings.stop,
      kill,
    });
  }

  /** Until `signal` aborts. */
  boundLogs(signal: AbortSignal): Promise<void> {
    const { say, timings } = this.#options;
    const logs = this.#parts.map(({ name }) => this.#log(name));
    const onProblem = (what: string, error: Error): void =>
      say.marked('!', 'logs', `${what}: ${error.message}`);
    return boundLogs(logs, timings.logs, onProblem, signal);
  }

  /** Ends what an earlier `bkg up` left and this one would start differently. */
  async #endObsolete(signal: AbortSignal): Promise<void> {
    const { broker, specs, record, say, timings } = this.#options;
    for (const name of partNames.toReversed()) {
      const earlier = record.parts[name];
      const isWanted = specs.some((spec) => spec.name === name && spec.fingerprint === earlier?.fingerprint);
      if (!earlier || isWanted || !isAlive(earlier)) continue;
      await say.while(name, 'ending an earlier one', async () => {
        await endProcess(adoptProcess(earlier, timings.part.adoptedPollMs), timings.part.stopWithinMs);
        return 'ended: it was of another build or had other settings';
      });
    }
    if (record.broker === undefined || record.broker === broker.fingerprint) return;
    await say.while('plugins', 'ending earlier ones', async () => {
      const said = describePlugins(await endPlugins(this.#pluginEnder, timings.stop.pluginsMs, signal));
      return typeof said === 'string' ? 'ended: they would look for a broker that is gone' : said;
    });
  }

  async #openAccess(signal: AbortSignal): Promise<string | undefined> {
    const { broker, home, noAuth, say, timings, url } = this.#options;
    if (noAuth) return undefined;
    const access = new Access({
      address: broker,
      file: home.adminKeyFile,
      url,
      say,
      timings: timings.access,
    });
    const { link, later } = await access.open(signal);
    if (later) this.#holds.push(later.catch((error: unknown) => this.#end.abort(error)));
    return link;
  }

  async #findForeignBroker(signal: AbortSignal): Promise<void> {
    const { broker, say, timings } = this.#options;
    await say.while('broker', 'connecting', async () => {
      const late = AbortSignal.any([signal, AbortSignal.timeout(timings.part.readyWithinMs)]);
      try {
        const { version } = await brokerIsReady(broker, late);
        return `${version} at ${broker.servers.join(', ')}`;
      } catch (error) {
        const remedy =
          'check BKG_NATS_URL, the credentials, and that the broker runs; or unset it and bkg starts one.';
        throw new Failure(`The broker cannot be used: ${(error as Error).message}.`, remedy, {
          cause: error,
        });
      }
    });
  }

  #log(name: string): LogFile {
    return logFile(path.join(this.#options.home.logs, `${name}.log`));
  }

  #write(parts: UpRecord['parts']): void {
    const { home, record, say } = this.#options;
    Object.assign(record.parts, parts);
    try {
      writeUpRecord(home.upFile, record);
    } catch (error) {
      // The mesh goes on: all that is lost is that the next `bkg up` knows this process by its environment only.
      say.marked('!', 'bkg', `cannot write ${home.upFile}: ${(error as Error).message}`);
    }
  }
}
