import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const logger = path.join(import.meta.dirname, '../dist/logger.js');

it.skipIf(!existsSync('/dev/full'))(
  'a disk that is full ends the log and not the work that is logged',
  () => {
    const work = `
    import { createLogger } from ${JSON.stringify(logger)};
    const log = createLogger({});
    for (let i = 0; i < 20_000; i += 1) log.info({ i }, 'a line that no disk takes');
    if (process.memoryUsage().rss > 300e6) process.exit(1);
    process.exit(7);`;
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', work], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
  },
);
