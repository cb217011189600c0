import { connect, createLogger, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, PluginInfo } from '@bkg/sdk';
import { connectClient } from '@bkg/sdk/client';
import { connectGateway } from '@bkg/sdk/client/ws';
import { isSameProcess } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import type { ChaosLog } from './chaos-log.ts';
import { now } from '../bench/clock.ts';
import { Lateness, pause } from './clock.ts';
import { Folders } from './folders.ts';
import { freePort } from './free-port.ts';
import { Ledger } from './load/ledger.ts';
import { OfferedLoad } from './load/offered-load.ts';
import { Mesh, relayList } from './mesh.ts';
import { hasOwnNetwork, openOwnNetwork } from './network.ts';
import { Operator } from './operator.ts';
import type { Options } from './options.ts';
import { Outages } from './outages.ts';
import type { Outage } from './outages.ts';
import { planFaults, pluginIds } from './plan.ts';
import type { PluginId } from './plan.ts';
import { Processes } from './processes.ts';
import { seededRandom } from './random.ts';
import { Relay } from './relay.ts';
import { judgeAnswers } from './rules/answers.ts';
import { judgeConfiguration } from './rules/configuration.ts';
import type { History } from './rules/configuration.ts';
import { judgeExecutions } from './rules/executions.ts';
import { judgeProcesses } from './rules/processes.ts';
import { judgeStates } from './rules/states.ts';
import { areKept } from './rules/verdict.ts';
import type { Verdict } from './rules/verdict.ts';
import { Saboteur } from './saboteur.ts';
import { Truth } from './truth.ts';
import { views, Watcher } from './watcher.ts';

const settleMostMs = 60_000;
const startMostMs = 60_000;
const answerMostMs = 3_000;
/** How long it is used when all is well again: then nothing may fail. */
const calmMs = 3_000;
/** What a view has not shown for longer it does not show. */
const shownMostMs = 3_000;

export interface Result {
  verdicts: Verdict[];
  /** What was done, by kind. */
  faults: { [kind: string]: number };
  orders: Operator['orders'];
  settledAfterMs: number;
  /** How long after the end of a fault each part was seen at work again, in ms, the longest last. */
  returnsMs: { [part: string]: number[] };
  /** Of this process, which is how busy the machine was. */
  lateMostMs: number;
  /** Where everything still lies; undefined when it was removed. */
  kept?: string;
}

/** A mesh with load, orders, faults and observers, from its start to the verdicts. @param signal ends it early */
export async function runChaos(options: Options, log: ChaosLog, signal: AbortSignal): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  if (hasOwnNetwork) openOwnNetwork();
  const folders = stack.use(new Folders());
  const [httpPort, busPort] = [await freePort(), await freePort()];
  const relays = new Map<string, Relay>();
  for (const victim of ['supervisor', 'gateway', ...pluginIds])
    relays.set(victim, stack.use(await Relay.open(busPort)));
  folders.addPlugins(relayList(relays));
  const processes = new Processes(folders.home);
  const mesh = new Mesh({ folders, httpPort, busPort, relays });
  stack.defer(() => mesh.close());
  // Whatever happens, nothing stays.
  stack.defer(() => mesh.kill(processes));
  await mesh.start();
  log.tell('up', `the mesh is up (process ${mesh.pid}, ${mesh.url}, ${folders.home})`);
  const evidence = stack.use(new Scene({ options, log, folders, mesh, processes, relays }));
  try {
    return await evidence.play(signal);
  } catch (error) {
    folders.isKept = true;
    log.tell(
      'broken',
      `the run has broken off; what it left lies in ${folders.root}; bkg up printed last:\n${mesh.output}`,
    );
    throw error;
  }
}

interface SceneParts {
  options: Options;
  log: ChaosLog;
  folders: Folders;
  mesh: Mesh;
  processes: Processes;
  relays: ReadonlyMap<string, Relay>;
}

class Scene implements AsyncDisposable {
  readonly #parts: SceneParts;
  readonly #stack = new AsyncDisposableStack();

  constructor(parts: SceneParts) {
    this.#parts = parts;
  }

  async play(signal: AbortSignal): Promise<Result> {
    const { options, log, folders, mesh, processes, relays } = this.#parts;
    const { seed, faultsMs, perSecond } = options;
    const stack = this.#stack;
    const address = { servers: [mesh.busUrl], credentials: mesh.credentials };
    const connection = await connect({
      ...address,
      name: 'chaos',
      identity: ['chaos'],
      log: createLogger({}, { level: 'silent' }),
      signal: AbortSignal.timeout(startMostMs),
    });
    stack.defer(() => connection.close());
    const nats = stack.use(
      await connectClient({ servers: mesh.busUrl, apiKey: mesh.apiKey, name: 'chaos load' }),
    );
    const { url, apiKey, headers } = mesh;
    const gateway = stack.use(connectGateway({ url, apiKey }));
    await eventually(async () => areRunning(await listPlugins(connection)), {
      withinMs: startMostMs,
      everyMs: 200,
    });

    const lateness = stack.use(new Lateness());
    const toleranceMs = (from: number, to: number): number => lateness.toleranceMs(from, to);
    const truth = stack.use(new Truth(processes));
    const outages = new Outages({
      supervisor: () => listPlugins(connection),
      gateway: async (aborted) => {
        const { ok } = await fetch(`${mesh.url}/readyz`, { signal: aborted });
        if (!ok) throw new Error('it is not ready');
      },
      'nats-server': async () => {
        if (!(await connection.flush())) throw new Error('it does not answer');
      },
    });
    stack.defer(() => outages.close());
    const known = {
      begunAt: now(),
      truth: truth.instances,
      isAlive: isSameProcess,
      outages: outages.all,
      toleranceMs,
    };
    const watcher = new Watcher({ url, headers, gateway, connection, known, log });
    const ledger = new Ledger();
    const offered = { url, headers, gateway, nats, perSecond, ledger, random: seededRandom(seed + 1) };
    const load = new OfferedLoad(offered);
    const operator = new Operator({ url, headers }, log, seededRandom(seed + 2));
    operator.begin();
    const saboteur = new Saboteur({ mesh, processes, truth, outages, relays, connection, log });

    await saboteur.run(planFaults(seed, faultsMs), signal);
    log.tell('calm', 'the faults are over; it settles');
    const calmAt = now();
    await Promise.all([load.stop(), operator.stop()]);
    log.note('calm', 'every invocation and every order has its answer');
    const look = async (): Promise<{ plugins: PluginInfo[]; verdict: Verdict }> => {
      for (const plugin of pluginIds) await operator.lookAfter(plugin);
      const plugins = await listPlugins(connection);
      const evidence = { processes: processes.list(), upPid: mesh.pid, partPids: mesh.parts, plugins };
      return { plugins, verdict: judgeProcesses(evidence) };
    };
    const settled = await settle(async () => {
      const looked = await look();
      if (!mesh.isUp) looked.verdict.flaws.push('bkg up has not said that it is up');
      if (outages.open.length > 0) looked.verdict.flaws.push(`${outages.open[0]?.part} is not back`);
      for (const { id, rollout } of looked.plugins)
        if (rollout?.state === 'running')
          looked.verdict.flaws.push(`the ${rollout.verb} of ${id} is not done`);
      looked.verdict.flaws.push(...unshown(watcher));
      log.note('settle', looked.verdict.flaws.join('; '));
      return looked;
    }, signal);
    const settledAfterMs = now() - calmAt;
    let calmFrom = Infinity;
    if (settled.verdict.flaws.length === 0) {
      calmFrom = now();
      const calmLoad = new OfferedLoad(offered);
      await pause(calmMs, signal);
      await calmLoad.stop();
      load.skipped += calmLoad.skipped;
    }
    await watcher.stop();
    const history = new Map<PluginId, History>();
    for (const id of pluginIds) history.set(id, await operator.history(id));
    const { counters, versions, replicas, written } = operator;
    const verdicts = [
      judgeConfiguration({ plugins: settled.plugins, counters, versions, replicas, written, history }),
      settled.verdict,
      judgeAnswers({
        calls: ledger.calls,
        calmFrom,
        outages: outages.all,
        toleranceMs,
        skipped: load.skipped,
      }),
      judgeStates({ ...watcher, truth: truth.instances }),
      judgeExecutions(ledger.calls, folders.starts()),
    ];
    for (const outage of outages.all) log.note('outage', `${outage.part} was away`, { outage });
    for (const call of ledger.calls)
      if (call.outcome !== 'ok') log.note('call', `call ${call.number}: ${call.outcome}`, { call });
    const code = await mesh.stop();
    log.note('down', `bkg up has ended with ${code}`, { printed: mesh.output });
    if (code !== 0)
      settled.verdict.flaws.push(
        `bkg up ended with ${code} when it was stopped in the end; it printed last:\n${mesh.output.slice(-1_500)}`,
      );
    for (const { pid, command } of processes.living())
      settled.verdict.flaws.push(`process ${pid} (${command}) is left after the end`);
    folders.isKept = !areKept(verdicts);
    return {
      verdicts,
      faults: saboteur.done,
      orders: operator.orders,
      settledAfterMs,
      returnsMs: returnsOf(outages.all),
      lateMostMs: lateness.mostMs,
      ...(folders.isKept && { kept: folders.root }),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

type Looked = { plugins: PluginInfo[]; verdict: Verdict };

function returnsOf(outages: readonly Outage[]): { [part: string]: number[] } {
  const byPart = Object.entries(Object.groupBy(outages, ({ part }) => part));
  const times = (some: readonly Outage[]): number[] =>
    some.map(({ faultUntil, until }) => Math.round(until - faultUntil)).sort((a, b) => a - b);
  return Object.fromEntries(byPart.map(([part, some]) => [part, times(some)]));
}

/** Until all is as it should be. @returns how it was last, if it never is */
async function settle(look: () => Promise<Looked>, signal: AbortSignal): Promise<Looked> {
  const until = now() + settleMostMs;
  let last: Looked | undefined;
  let failure: unknown;
  while (now() < until && !signal.aborted) {
    try {
      last = await look();
      if (last.verdict.flaws.length === 0) return last;
    } catch (error) {
      failure = error;
    }
    await pause(300, signal);
  }
  if (last) return last;
  throw new Error('the mesh did not answer any more after the faults', { cause: failure });
}

async function listPlugins(connection: Connection): Promise<PluginInfo[]> {
  const reply = await connection.request(subjects.registryList, '', { timeoutMs: answerMostMs });
  const problem = problemOfMsg(reply);
  if (problem) throw new Error(problem.detail);
  return reply.json<PluginInfo[]>();
}

/** Where somebody looks and does not see yet that all is well. */
function unshown({ last }: Watcher): string[] {
  return views
    .filter((view) => {
      const { at, plugins } = last[view] ?? { at: -Infinity, plugins: [] };
      const isSure = plugins.every(({ unknown_since }) => unknown_since === undefined);
      return now() - at > shownMostMs || !isSure || !areRunning(plugins);
    })
    .map((view) => `${view} does not show that all of them run`);
}

function areRunning(plugins: readonly PluginInfo[]): boolean {
  return pluginIds.every((id) => {
    const plugin = plugins.find((one) => one.id === id);
    const running = plugin?.instances.filter(({ status }) => status === 'running').length;
    return plugin !== undefined && running === plugin.config.replicas;
  });
}
