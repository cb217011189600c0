import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connect, readCredentials } from '@bkg/sdk';
import { connectClient } from '@bkg/sdk/client';
import { createCertificates, eventually, silentLogger } from '@bkg/sdk/testing';
import type { TestCertificates } from '@bkg/sdk/testing';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

function tlsSettings({ cert, key, ca }: Partial<TestCertificates>): NodeJS.ProcessEnv {
  return {
    BKG_PLUGIN_BUS_TLS_CERT: cert,
    BKG_PLUGIN_BUS_TLS_KEY: key,
    ...(ca && { BKG_PLUGIN_BUS_TLS_CA: ca }),
  };
}

function certificates(home: TestHome, ...names: string[]): TestCertificates {
  mkdirSync(home.file('tls'), { recursive: true });
  return createCertificates(home.file('tls'), names);
}

/** A plugin of one file in a folder of its own. */
function plugin(home: TestHome): string {
  mkdirSync(home.file('more', 'greeter'), { recursive: true });
  const sdk = JSON.stringify(import.meta.resolve('@bkg/sdk'));
  writeFileSync(
    home.file('more', 'greeter', 'main.mjs'),
    `import { definePlugin, runPlugin, Type } from ${sdk};
     await runPlugin(definePlugin({ id: 'greeter', version: '1.0.0', description: 'Greets.', capabilities: {
       greet: { description: 'Greets.', input: Type.Object({}), output: Type.Object({ text: Type.String() }),
         handler: () => ({ text: 'hello' }) } } }));`,
  );
  const manifest = { id: 'greeter', version: '1.0.0', command: ['node', 'main.mjs'], autostart: true };
  writeFileSync(home.file('more', 'greeter', 'plugin.json'), JSON.stringify(manifest));
  return home.file('more');
}

describe('a broker that others can reach', () => {
  it('speaks TLS with everybody: services, plugins and clients', async () => {
    await using home = await testHome();
    const made = certificates(home, 'IP:127.0.0.1', 'DNS:localhost');
    const up = await home.runningMesh({
      ...tlsSettings(made),
      BKG_PLUGIN_BUS_HOST: '0.0.0.0',
      BKG_PLUGINS_PATH: plugin(home),
    });
    expect(up.lines[0]).toMatch(new RegExp(`nats-server  [\\d.]+ on 127\\.0\\.0\\.1:${home.busPort} `));
    expect(home.record().bus_url).toBe(`tls://127.0.0.1:${home.busPort}`);
    const credentials = readCredentials(home.file('run', 'credentials.json'));
    expect(credentials.ca_file).toBe(home.file('run', 'ca.pem'));
    expect(readFileSync(home.file('run', 'ca.pem'), 'utf8')).toBe(readFileSync(made.ca, 'utf8'));

    const servers = [`tls://127.0.0.1:${home.busPort}`];
    const client = await connectClient({ servers, credentials });
    const answer = await eventually(() => client.invoke('greeter', 'greet', {}));
    expect(answer).toEqual({ text: 'hello' });
    await client.close();

    const response = await fetch(`http://127.0.0.1:${home.port}/readyz`);
    expect(response.status).toBe(200);

    // Without the certificate it comes from it is not spoken to.
    const { user, password } = credentials;
    const blind = connect({
      servers,
      credentials: { user, password },
      name: 'blind',
      identity: ['blind'],
      log: silentLogger,
      signal: AbortSignal.timeout(1_500),
    });
    await expect(blind).rejects.toThrow(/timeout/i);
    expect(await up.stop()).toBe(0);
  }, 60_000);

  it('is not started when its certificate is for another, and says so', async () => {
    await using home = await testHome();
    const up = home.up({ ...tlsSettings(certificates(home, 'DNS:elsewhere')), TEST_READY_WITHIN_MS: '3500' });
    expect(await up.ended).toBe(1);
    expect(up.output).toMatch(
      /nats-server did not become ready in [\d.]+ s: no connection to the broker at tls:/,
    );
    expect(up.output).toMatch(/altnames/i);
  }, 30_000);

  it('is not started without TLS', async () => {
    await using home = await testHome();
    const up = home.up({ BKG_PLUGIN_BUS_HOST: '0.0.0.0' });
    expect(await up.ended).toBe(1);
    expect(up.output).toContain('set BKG_PLUGIN_BUS_TLS_CERT and BKG_PLUGIN_BUS_TLS_KEY');
  });

  it('is started anew when its certificate was renewed', async () => {
    await using home = await testHome();
    const made = tlsSettings(certificates(home, 'IP:127.0.0.1'));
    const first = await home.running(made);
    const before = home.pid('nats-server');
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await home.running(made);
    expect(home.pid('nats-server')).toBe(before);
    second.child.kill('SIGKILL');
    await second.ended;
    certificates(home, 'IP:127.0.0.1');
    await home.running(made);
    expect(home.pid('nats-server')).not.toBe(before);
  }, 60_000);
});
