import { connect, createLogger, createToken } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { aborted, homePaths, readServiceSettings, stopSignal } from '@bkg/sdk/host';
import { serve } from './nest/shell.ts';
import { pluginParents, projectPlugins } from './plugin-parents.ts';
import { stopPlugins } from './stop-plugins.ts';
import { createSupervisor } from './supervisor.ts';

const log = createLogger({ service: 'supervisor' });
const stop = stopSignal();

/** As long as a plugin has to drain. */
const stopGraceMs = 10_000;

try {
  await runCommand(process.argv.slice(2));
} catch (error) {
  if (error !== stop.reason) {
    log.fatal({ error }, error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
// What a plugin left open, such as a watch on its process, must not keep us.
process.exit();

/** Without arguments it supervises; `stop-plugins [--now]` ends what a supervisor of this home has left running. */
async function runCommand([command, ...flags]: readonly string[]): Promise<void> {
  if (command === undefined) return run();
  const known = command === 'stop-plugins' && flags.every((flag) => flag === '--now');
  if (!known)
    throw new Error(`"${process.argv.slice(2).join(' ')}" was given; allowed is stop-plugins [--now].`);
  const paths = homePaths(readServiceSettings(process.env).home);
  const done = await stopPlugins({ paths, log, graceMs: flags.includes('--now') ? 0 : stopGraceMs });
  process.exitCode = done ? 0 : 1;
}

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
    pluginFolders: pluginParents(process.env),
    ownPluginFolder: projectPlugins,
    vouchedOnly: credentials.callout !== undefined,
    log,
    onLost: ({ host, pid }) => lost.abort(new Error(`the supervisor ${pid} on ${host} has taken over`)),
  });
  try {
    await supervisor.start(stop);
    const shell = await serve({ supervisor, connection, log });
    log.info({ home, plugins: supervisor.answers.list().map(({ id }) => id) }, 'the supervisor acts');
    await aborted(AbortSignal.any([stop, lost.signal]));
    log.info('ending; plugins go on running');
    await shell.close();
  } finally {
    await supervisor.stop();
    await connection.close();
  }
  lost.signal.throwIfAborted();
}
