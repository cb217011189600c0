/** The supervisor, with no plugins but those of a folder: the project's would take part. Options: see `SupervisorProgram`. */
import { connect, createLogger, createToken } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { serve } from '../../../services/supervisor/dist/nest/shell.js';
import { createSupervisor } from '../../../services/supervisor/dist/supervisor.js';

export interface SupervisorProgram {
  url: string;
  credentials: Credentials;
  /** BKG_HOME. */
  home: string;
  /** Each subfolder is a plugin. @default it has none */
  plugins?: string;
  /** From SIGTERM to SIGKILL. @default the supervisor's */
  graceMs?: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as SupervisorProgram;
const { url, credentials, home, plugins, graceMs } = options;
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
  pluginFolders: plugins === undefined ? [] : [plugins],
  // One of them may be the project's own plugin that keeps the API keys.
  ...(plugins !== undefined && { ownPluginFolder: plugins }),
  log,
  timings: graceMs === undefined ? {} : { graceMs },
});
await supervisor.start();
await serve({ supervisor, connection, log });
process.send?.({ ready: true });
