import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createAccountSeed } from '@bkg/sdk/access';
import { createCertificates, natsServerProgram } from '@bkg/sdk/testing';
import type { BusTls } from '../src/up/bus-settings.ts';
import { natsConfig } from '../src/up/nats-config.ts';
import { isNewEnough } from '../src/up/nats-server.ts';

it('the configuration is one that nats-server takes, whatever stands in the path of the home', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'bkg-cli-'));
  try {
    const storeFolder = path.join(dir, 'a "quoted" # {home} \\ with $everything, ja: jä');
    mkdirSync(storeFolder);
    const file = path.join(dir, 'nats-server.conf');
    const secrets = { issuer_seed: createAccountSeed(), supervisor: '1e9', gateway: '$x', sys: '"}' };
    const check = async (tls?: BusTls): Promise<string> => {
      const config = { host: '127.0.0.1', port: 4222, storeFolder, secrets, ...(tls && { tls }) };
      writeFileSync(file, natsConfig(config));
      return (await promisify(execFile)(natsServerProgram(), ['-t', '-c', file])).stderr;
    };
    expect(await check()).toContain('is valid');
    expect(await check(createCertificates(storeFolder, ['IP:127.0.0.1']))).toContain('is valid');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

it('nats-server is new enough from 2.10 on', () => {
  expect(['2.10.0', '2.10.27', '2.15.1', '3.0.0'].filter((version) => !isNewEnough(version))).toEqual([]);
  expect(['2.9.25', '1.99.99', '', 'x'].filter(isNewEnough)).toEqual([]);
});
