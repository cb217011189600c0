import type { DesiredPlugin } from './desired-state.ts';
import type { Plugin } from './plugin.ts';

/**
 * Writes what is wanted of a plugin, one write after the other, each on what the one before it has made.
 * @param write gives what is wanted then
 * @throws what `write` throws; what is wanted is then read again, whoever has written it
 */
export async function inTurn(
  plugin: Plugin,
  write: (desired: DesiredPlugin | undefined) => Promise<DesiredPlugin | undefined>,
): Promise<void> {
  const turn = (plugin.writing ?? Promise.resolve()).then(async () => {
    const written = await write(plugin.desired);
    if (written) plugin.desired = written;
  });
  plugin.writing = turn.catch(() => undefined);
  await turn;
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
