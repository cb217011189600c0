/** The supervisor with the plugins of a folder. Options: see `SupervisorProgram`. */
import { connect, createLogger, createToken } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { serve } from '../../../services/supervisor/dist/nest/shell.js';
import { createSupervisor } from '../../../services/supervisor/dist/supervisor.js';

export interface SupervisorProgram {
  url: string;
  credentials: Credentials;
  /** BKG_HOME. */
  home: string;
  /** Each subfolder is a plugin. */
  plugins: string;
}

/** A culprit that is stopped says nothing to SIGTERM. */
const graceMs = 500;

const { url, credentials, home, plugins } = JSON.parse(process.argv[2] ?? '{}') as SupervisorProgram;
const log = createLogger({}, { level: 'error' });
const connection = await connect({
  servers: [url],
  credentials,
  name: 'bkg supervisor',
  identity: ['supervisor', createToken()],
  log,
  signal: AbortSignal.timeout(10_000),
});
const supervisor = createSupervisor({
  connection,
  credentials,
  natsUrl: url,
  home,
  pluginFolders: [plugins],
  log,
  timings: { graceMs },
});
await supervisor.start();
await serve({ supervisor, connection, log });
process.send?.({ ready: true });
