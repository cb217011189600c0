import type { BkgError, PluginConfig } from '@bkg/sdk';
import type {
  Circumstances,
  DesiredPlugin,
  DesiredState,
  Kept,
  RunOrder,
  StoredConfig,
} from './desired-state.ts';
import { notRead } from './known-plugin.ts';
import type { Plugin } from './plugin.ts';

/** What is wanted of a plugin is written by one after the other. @throws what `work` throws */
export async function takeTurn(plugin: Plugin, work: () => Promise<void>): Promise<void> {
  const turn = (plugin.writing ?? Promise.resolve()).then(work);
  plugin.writing = turn.catch(() => undefined);
  await turn;
}

/**
 * Writes what is wanted of a plugin, in its turn, on what the one before it has made.
 * @param write gives what is wanted then; undefined leaves it as it is
 * @throws what `write` throws
 */
export async function inTurn(
  plugin: Plugin,
  write: (desired: DesiredPlugin | undefined) => Promise<DesiredPlugin | undefined>,
): Promise<void> {
  await takeTurn(plugin, async () => {
    const written = await write(plugin.desired);
    if (written) plugin.desired = written;
  });
}

/**
 * Writes the next order, in its turn.
 * @param next the order after that which is there then; undefined leaves it as it is
 * @throws what `next` throws; BkgError PLUGIN_UNAVAILABLE, CONFLICT: what is wanted is then read again
 */
export async function orderInTurn(
  plugin: Plugin,
  desiredState: Pick<DesiredState, 'order'>,
  next: (desired: DesiredPlugin) => RunOrder | undefined,
): Promise<void> {
  await inTurn(plugin, async (desired) => {
    if (!desired) throw notRead(plugin);
    const value = next(desired);
    if (!value) return undefined;
    const run = await rereadOnFailure(plugin, () => desiredState.order(plugin.id, desired.run, value));
    return { ...desired, run };
  });
}

/**
 * Writes the next configuration, in its turn.
 * @param next the configuration after that which is there then; undefined leaves it as it is
 * @param missing what it means that it is not known what is wanted
 * @returns what is written; not read from the plugin again, which somebody may have cleared by then
 * @throws as `orderInTurn`
 */
export async function configureInTurn(
  plugin: Plugin,
  desiredState: Pick<DesiredState, 'configure'>,
  next: (desired: DesiredPlugin) => { config: PluginConfig; circumstances: Circumstances } | undefined,
  missing: (plugin: Plugin) => BkgError = notRead,
): Promise<Kept<StoredConfig> | undefined> {
  let written: Kept<StoredConfig> | undefined;
  await inTurn(plugin, async (desired) => {
    if (!desired) throw missing(plugin);
    const value = next(desired);
    if (!value) return undefined;
    const config = await rereadOnFailure(plugin, () =>
      desiredState.configure(desired.config, value.config, value.circumstances),
    );
    written = config;
    return { ...desired, config };
  });
  return written;
}

/** @throws what `write` throws: then it is read again what is wanted, whoever has written it */
export async function rereadOnFailure<T>(plugin: Plugin, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    plugin.desired = undefined;
    throw error;
  }
}
