import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { TestServer } from '@bkg/sdk/testing';

export interface PluginOptions {
  id: string;
  broker: Pick<TestServer, 'url' | 'credentialsFile'>;
  /** BKG_HOME. */
  home: string;
}

/** One of the project's plugins as a process, with the launch contract and no supervisor; it ends with a kill. */
export async function startPlugin({ id, broker, home }: PluginOptions): Promise<AsyncDisposable> {
  const data = path.join(home, 'data', id);
  await mkdir(data, { recursive: true });
  const main = path.join(import.meta.dirname, '../../plugins', id, 'dist/main.js');
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'],
      BKG_PLUGIN_ID: id,
      BKG_INSTANCE_ID: 'bench',
      BKG_NATS_URL: broker.url,
      BKG_CREDENTIALS_FILE: broker.credentialsFile,
      BKG_DATA_DIR: data,
      BKG_HOME: home,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
