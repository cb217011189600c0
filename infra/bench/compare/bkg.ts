import { cpSync } from 'node:fs';
import path from 'node:path';
import { accessPlugin } from '@bkg/sdk';
import type { KeyOrder, Manifest, RateLimit } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { MeshFolders } from '../mesh-folders.ts';
import { Mesh } from '../replace/mesh.ts';
import { body, post } from './side.ts';
import type { Side } from './side.ts';

const plugin = 'echo';
const invokePath = `/api/plugins/${plugin}/invoke/say`;
/** So much that nothing is ever refused. */
const wide: RateLimit = { rate_per_second: 1_000_000, burst: 1_000_000 };
const program = path.join(import.meta.dirname, 'plugins/echo.ts');
const manifest: Manifest = {
  id: plugin,
  version: '1.0.0',
  command: ['node', 'main.ts'],
  autostart: true,
  config: { limits: { ...wide, capabilities: { say: wide } } },
};
const startMostMs = 60_000;

/**
 * bkg as its user runs it: `bkg up` in a home of its own, with the plugin in a folder, which the supervisor starts, and an
 * API key that may invoke this plugin and nothing else. Key, plugin and capability have a rate limit each.
 */
export async function startBkg(): Promise<Side> {
  await using starting = new AsyncDisposableStack();
  const folders = starting.use(new MeshFolders('compare'));
  folders.addPlugin(manifest, (folder) => cpSync(program, path.join(folder, 'main.ts')));
  const mesh = starting.use(await Mesh.start(folders));
  const key = await createKey(mesh, { name: 'bench', scopes: [`invoke:${plugin}`], limits: wide });
  const [pid, keeperPid] = [await pidOf(mesh, plugin), await pidOf(mesh, accessPlugin)];
  const side: Omit<Side, typeof Symbol.asyncDispose> = {
    target: { port: mesh.httpPort, path: invokePath, key },
    pids: {
      gateway: [mesh.pids.gateway],
      plugin: [pid],
      broker: [mesh.pids['nats-server']],
      rest: [mesh.pids.supervisor, keeperPid, mesh.pid],
    },
  };
  await expectAllOn(side.target);
  const stack = starting.move();
  return { ...side, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** @returns the whole of it */
async function createKey({ httpPort, apiKey }: Mesh, order: KeyOrder): Promise<string> {
  const response = await post({ port: httpPort, path: '/api/keys', key: apiKey }, JSON.stringify(order));
  if (response.status !== 201)
    throw new Error(`POST /api/keys answered ${response.status}: ${await response.text()}`);
  const { secret } = (await response.json()) as { secret: string };
  return secret;
}

async function pidOf(mesh: Mesh, id: string): Promise<number> {
  return eventually(
    async () => (await mesh.plugin(id)).instances.find(({ status }) => status === 'running')?.pid,
    { withinMs: startMostMs, everyMs: 100 },
  );
}

/** What is not on costs nothing. @throws Error when somebody is let through who must not be, or something */
async function expectAllOn(target: Side['target']): Promise<void> {
  const { key: _, ...withoutKey } = target;
  const elsewhere = { ...target, path: `/api/plugins/${accessPlugin}/invoke/role.list` };
  await expectStatus(401, 'without a key', withoutKey, body);
  await expectStatus(403, 'of a plugin that the key is not for', elsewhere, '{}');
  await expectStatus(400, 'with what the plugin does not take', target, JSON.stringify({ text: 1 }));
}

async function expectStatus(
  wanted: number,
  what: string,
  target: Side['target'],
  sent: string,
): Promise<void> {
  const response = await post(target, sent);
  const text = await response.text();
  if (response.status !== wanted)
    throw new Error(
      `an invocation ${what} has to be answered ${wanted}, and was ${response.status}: ${text}`,
    );
}
