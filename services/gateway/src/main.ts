import { createLogger } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { keepRequestsYoung, stopSignal } from '@bkg/sdk/host';
import { listen } from './listen.ts';
import { createServer } from './server.ts';
import { readSettings } from './settings.ts';

/** Longer than all that closing waits for: should something hang, the process ends nevertheless. */
const closeMostMs = 11_000;

const log = createLogger({ service: 'gateway', pid: process.pid });
const stop = stopSignal();
keepRequestsYoung();

try {
  await run(log, stop);
} catch (error) {
  if (stop.aborted) process.exit(0);
  log.fatal({ error }, (error as Error).message);
  process.exit(1);
}

/** Serves until `signal` aborts and everything is closed. */
async function run(log: Logger, signal: AbortSignal): Promise<void> {
  const settings = readSettings(process.env);
  const app = await createServer({ settings, log });
  try {
    const address = await listen(app, { ...settings, signal });
    log.info({ address }, 'the gateway listens');
    await new Promise((resolve) => {
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener('abort', resolve, { once: true });
    });
    log.info({ reason: String(signal.reason) }, 'the gateway stops');
  } finally {
    setTimeout(() => {
      log.error('closing takes too long');
      process.exit(1);
    }, closeMostMs).unref();
    await app.close();
  }
  log.info('the gateway has stopped');
}
