/** The supervisor without plugins of its own: those of the project would take part. Options: see `SupervisorProgram`. */
import { connect, createLogger, createToken } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { serve } from '../../../services/supervisor/dist/nest/shell.js';
import { createSupervisor } from '../../../services/supervisor/dist/supervisor.js';

export interface SupervisorProgram {
  url: string;
  credentials: Credentials;
  /** BKG_HOME. */
  home: string;
}

const { url, credentials, home } = JSON.parse(process.argv[2] ?? '{}') as SupervisorProgram;
const log = createLogger({}, { level: 'error' });
const connection = await connect({
  servers: [url],
  credentials,
  name: 'bkg supervisor',
  identity: ['supervisor', createToken()],
  log,
  signal: AbortSignal.timeout(10_000),
});
const supervisor = createSupervisor({ connection, credentials, natsUrl: url, home, pluginFolders: [], log });
await supervisor.start();
await serve({ supervisor, connection, log });
process.send?.({ ready: true });
