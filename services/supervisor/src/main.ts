import path from 'node:path';
import { connect, createLogger, createToken } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { readServiceSettings, stopSignal } from '@bkg/sdk/host';
import { serve } from './nest/shell.ts';
import { createSupervisor } from './supervisor.ts';

const log = createLogger({ service: 'supervisor' });
const stop = stopSignal();

try {
  await run();
} catch (error) {
  if (error !== stop.reason) {
    log.fatal({ error }, error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
// What a plugin left open, such as a watch on its process, must not keep us.
process.exit();

async function run(): Promise<void> {
  const { home, servers, credentials } = readServiceSettings(process.env);
  const lost = new AbortController();
  const connection: Connection = await connect({
    servers,
    credentials,
    name: 'bkg supervisor',
    identity: ['supervisor', createToken()],
    log,
    signal: stop,
  });
  const supervisor = createSupervisor({
    connection,
    credentials,
    natsUrl: servers.join(','),
    home,
    pluginFolders: [path.resolve(import.meta.dirname, '../../../plugins')],
    log,
    onLost: ({ host, pid }) => lost.abort(new Error(`the supervisor ${pid} on ${host} has taken over`)),
  });
  try {
    await supervisor.start(stop);
    const shell = await serve({ supervisor, connection, log });
    log.info({ home, plugins: supervisor.list().map(({ id }) => id) }, 'the supervisor acts');
    await aborted(AbortSignal.any([stop, lost.signal]));
    log.info('ending; plugins go on running');
    await shell.close();
  } finally {
    await supervisor.stop();
    await connection.close();
  }
  lost.signal.throwIfAborted();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
