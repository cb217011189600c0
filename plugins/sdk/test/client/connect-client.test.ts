import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createKey } from '../../src/access/key.ts';
import { connectClient, PluginUnavailableError } from '../../src/client/nats/index.ts';
import type { ConnectClientOptions } from '../../src/client/nats/index.ts';
import { startNatsServer, TestServer } from '../../src/testing.ts';
import { startEcho } from './echo-mesh.ts';
import type { EchoMesh } from './echo-mesh.ts';

let server: TestServer;
let home: string;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  home = await mkdtemp(path.join(tmpdir(), 'bkg-client-'));
  await startEcho(server);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

function environment(values: Record<string, string | undefined>): void {
  const none = {
    BKG_NATS_URL: undefined,
    BKG_CREDENTIALS_FILE: undefined,
    BKG_API_KEY: undefined,
    BKG_HOME: home,
    BKG_PLUGIN_BUS_PORT: undefined,
  };
  for (const [name, value] of Object.entries({ ...none, ...values })) vi.stubEnv(name, value);
}

async function say(options?: ConnectClientOptions): Promise<string> {
  await using client = await connectClient<EchoMesh>(options);
  return (await client.invoke('echo', 'text.say', { text: 'here' })).text;
}

it('finds the broker by what it is given', async () => {
  environment({});
  expect(await say({ servers: server.url, credentials: server.credentials })).toBe('here');
  const { user, password } = server.credentials;
  expect(await say({ servers: [server.url.replace('//', `//${user}:${password}@`)] })).toBe('here');
});

it('finds the broker by the environment', async () => {
  environment({ BKG_NATS_URL: server.url, BKG_CREDENTIALS_FILE: server.credentialsFile });
  expect(await say()).toBe('here');
});

it('finds the broker of the mesh whose home it is told', async () => {
  const run = path.join(home, 'run');
  await mkdir(run, { recursive: true });
  await writeFile(path.join(run, 'credentials.json'), JSON.stringify(server.credentials));
  environment({ BKG_PLUGIN_BUS_PORT: `${server.port}` });
  expect(await say()).toBe('here');
  // What the running mesh says counts more than what it was asked for.
  await writeFile(path.join(run, 'up.json'), JSON.stringify({ bus_port: server.port }));
  environment({ BKG_PLUGIN_BUS_PORT: '1' });
  expect(await say()).toBe('here');
});

it('shows an API key: the one that it is given, else that of BKG_API_KEY, unless there are credentials', async () => {
  const key = createKey();
  const folder = await mkdtemp(path.join(tmpdir(), 'bkg-client-'));
  await using keyed = new TestServer(folder, { user: key.prefix, password: key.text });
  await keyed.start({ jetstream: false });
  await startEcho(keyed);
  environment({ BKG_NATS_URL: keyed.url });
  expect(await say({ apiKey: key.text })).toBe('here');
  environment({ BKG_NATS_URL: keyed.url, BKG_API_KEY: `${key.text}\n` });
  expect(await say()).toBe('here');
  // A key may be for the gateway only, a file is for the broker.
  environment({
    BKG_NATS_URL: server.url,
    BKG_CREDENTIALS_FILE: server.credentialsFile,
    BKG_API_KEY: key.text,
  });
  expect(await say()).toBe('here');
  environment({ BKG_NATS_URL: keyed.url, BKG_API_KEY: 'bkg_oops' });
  await expect(connectClient()).rejects.toThrow(
    /^(?!.*oops)The API key is none: it takes bkg_<prefix>_<secret>/,
  );
});

it('says what is missing, and repeats no secret', async () => {
  environment({ BKG_HOME: path.join(home, 'nowhere') });
  await expect(connectClient()).rejects.toThrow(/nowhere\/run\/credentials\.json cannot be read/);
  environment({ BKG_NATS_URL: 'nats://me:hunter2@127.0.0.1:1' });
  const unreachable = connectClient({ connectTimeoutMs: 100 });
  await expect(unreachable).rejects.toThrow(PluginUnavailableError);
  await expect(unreachable).rejects.toThrow(
    'The broker at nats://127.0.0.1:1 could not be reached within 100 ms, or does not take the credentials.',
  );
});

it('stops trying when it is told to', async () => {
  environment({ BKG_NATS_URL: 'nats://me:hunter2@127.0.0.1:1' });
  await expect(connectClient({ signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/);
});
