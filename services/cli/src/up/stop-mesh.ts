import type { Said, Say } from '../say.ts';
import { drainPlugins } from './ask-supervisor.ts';
import { withBus } from './bus.ts';
import type { BusAddress } from './bus.ts';
import type { Stopped } from './held-process.ts';
import type { Part } from './part.ts';
import { describePlugins, endPlugins } from './plugin-ender.ts';
import type { PluginEnder } from './plugin-ender.ts';
import type { PartName } from './up-record.ts';

export interface StopTimings {
  /** From the first signal to the end of the last process. */
  totalMs: number;
  /** How much of it the plugins may take to drain. */
  pluginsMs: number;
  /** How long each part may take, as long as the total allows. */
  partMs: number;
}

export interface StopOptions {
  parts: readonly Part[];
  address: BusAddress;
  pluginEnder: PluginEnder;
  say: Say;
  timings: StopTimings;
  /** Aborts when there is no time for order any more. */
  kill: AbortSignal;
}

/** Who calls before whom it calls; nats-server last, because all others talk through it. */
const order: readonly PartName[] = ['gateway', 'supervisor', 'nats-server'];
const connectWithinMs = 2_000;
/** What is left to each step when the time is over: enough to see the end of a process that was killed. */
const leastMs = 300;
/** What is kept for each part that follows: they end at once unless something is wrong. */
const reserveMs = 500;

/** Plugins, gateway, supervisor, nats-server: drained, stopped or else killed. @returns whether all ended as they should */
export async function stopMesh(options: StopOptions): Promise<boolean> {
  const { parts, say, timings, kill } = options;
  const startedAt = performance.now();
  const leftMs = (): number => timings.totalMs - (performance.now() - startedAt);
  const onKill = (): void => {
    say.line('  killing everything');
    // The supervisor would start again what dies before it.
    for (const part of parts.toSorted((a, b) => killRank(a) - killRank(b))) part.kill();
  };
  kill.addEventListener('abort', onKill, { once: true });
  let isClean = true;
  const step = (name: string, doing: string, work: () => Promise<string | Said>): Promise<void> =>
    say.while(name, doing, async () => {
      const said = await work();
      if (typeof said !== 'string') isClean = false;
      return said;
    });
  try {
    await step('plugins', 'draining', () => stopPlugins(options, leftMs));
    const started = order.flatMap((name) =>
      parts.filter((part) => part.name === name && part.ended !== undefined),
    );
    for (const [i, part] of started.entries()) {
      const withinMs = partTimeMs(leftMs(), started.length - 1 - i, timings.partMs);
      await step(part.name, 'stopping', async () => describeStop(await part.stop(withinMs)));
    }
  } finally {
    kill.removeEventListener('abort', onKill);
  }
  return isClean && !kill.aborted;
}

/** How long a part may take to end: as long as it wants, as far as something is left to those after it. */
export function partTimeMs(leftMs: number, partsAfter: number, mostMs: number): number {
  return Math.max(leastMs, Math.min(mostMs, leftMs - partsAfter * reserveMs));
}

/** By the supervisor, which drains them; without it when it does not answer. */
async function stopPlugins(options: StopOptions, leftMs: () => number): Promise<string | Said> {
  const { parts, address, say, timings, kill } = options;
  const supervisor = parts.find(({ name }) => name === 'supervisor');
  if (supervisor?.ended) {
    try {
      await drainBySupervisor(supervisor, address, timings.pluginsMs, kill);
      return 'drained and stopped';
    } catch (error) {
      if (!kill.aborted)
        say.marked('!', 'plugins', `not drained by the supervisor: ${(error as Error).message}`);
    }
    // Alive it would start again what is ended without it.
    await supervisor.stop(kill.aborted ? 0 : leastMs);
  }
  return describePlugins(
    await endPlugins(options.pluginEnder, timings.pluginsMs - (timings.totalMs - leftMs()), kill),
  );
}

async function drainBySupervisor(
  supervisor: Part,
  address: BusAddress,
  withinMs: number,
  kill: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  void supervisor.ended?.then(() => gone.abort(new Error('it ended')));
  const signal = AbortSignal.any([kill, gone.signal]);
  const connected = AbortSignal.any([signal, AbortSignal.timeout(connectWithinMs)]);
  await withBus(address, connected, (connection) =>
    drainPlugins(connection, { timeoutMs: withinMs, signal }),
  );
}

function describeStop(stopped: Stopped | undefined): string | Said {
  switch (stopped) {
    case 'stopped':
      return 'stopped';
    case 'gone':
    case undefined:
      return 'had ended';
    case 'killed':
      return { mark: '!', text: 'did not end by itself, killed' };
    case 'stuck':
      return {
        mark: '✗',
        text: 'does not end, not even by SIGKILL: something it waits for hangs, as a disk or network share',
      };
  }
}

function killRank({ name }: Part): number {
  return name === 'supervisor' ? 0 : 1;
}
