import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { makeHome } from '../src/up/home.ts';

it('a home closes to others what may hold secrets, also when it was open', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bkg-home-'));
  const mode = (name: string): string => (statSync(path.join(folder, name)).mode & 0o777).toString(8);
  try {
    chmodSync(folder, 0o755);
    for (const name of ['logs', 'run']) {
      mkdirSync(path.join(folder, name));
      chmodSync(path.join(folder, name), 0o755);
    }
    makeHome(folder);
    expect([mode('logs'), mode('nats'), mode('run')]).toEqual(['700', '700', '711']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
