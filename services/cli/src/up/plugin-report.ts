import type { RegistryEntry } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { seconds } from '../say.ts';
import type { Said, Say } from '../say.ts';
import { listPlugins } from './ask-supervisor.ts';
import { withBus } from './bus.ts';
import type { BusAddress } from './bus.ts';

export interface ReportTimings {
  /** How long the end of the start waits for plugins. */
  withinMs: number;
  /** How long what looks final is not believed: the supervisor may just not have come to it. */
  settleMs: number;
}

const pollMs = 100;
const answerWithinMs = 2_000;

/** A line for every plugin as soon as it has started, or it is clear that it will not. @throws the reason of `signal` */
export async function reportPlugins(
  address: BusAddress,
  say: Say,
  { withinMs, settleMs }: ReportTimings,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const told = new Set<string>();
  // The last question may still be under way when the time is over.
  const late = AbortSignal.any([signal, AbortSignal.timeout(withinMs + answerWithinMs)]);
  const tell = ({ id }: RegistryEntry, { mark, text }: Said): void => {
    told.add(id);
    say.marked(mark, id, text);
  };
  try {
    await withBus(address, late, async (connection) => {
      for (;;) {
        const plugins = await listPlugins(connection, { timeoutMs: answerWithinMs, signal: late });
        const elapsedMs = performance.now() - started;
        const isSettled = elapsedMs >= settleMs;
        for (const plugin of plugins) {
          const line = told.has(plugin.id) ? undefined : startLine(plugin, isSettled, elapsedMs);
          if (line) tell(plugin, line);
        }
        const waiting = plugins.filter(({ id }) => !told.has(id));
        if (elapsedMs >= withinMs) {
          for (const plugin of waiting) tell(plugin, { mark: '…', text: 'still starting' });
          return;
        }
        if (waiting.length === 0 && (plugins.length > 0 || isSettled)) return;
        await delay(pollMs, signal);
      }
    });
  } catch (error) {
    signal.throwIfAborted();
    say.marked('!', 'plugins', `cannot be listed: ${(error as Error).message}`);
  }
}

/** What to say of a plugin at the start; undefined while that is still open. */
export function startLine(
  { version, status, error, config, instances }: RegistryEntry,
  isSettled: boolean,
  elapsedMs: number,
): Said | undefined {
  switch (status) {
    case 'running': {
      const isForeign = !instances.some(({ managed }) => managed);
      return {
        mark: '✓',
        text: `${version} running${isForeign ? ', not managed by bkg' : ` (${seconds(elapsedMs)})`}`,
      };
    }
    case 'error':
      return isSettled ? { mark: '✗', text: `${version} error: ${error ?? 'its log says why'}` } : undefined;
    case 'stopped': {
      const mayStillStart = config.enabled && config.autostart && !isSettled;
      return mayStillStart ? undefined : { mark: '·', text: `${version} not started` };
    }
    case 'starting':
    case 'stopping':
      return undefined;
  }
}
