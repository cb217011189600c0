import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

/** Of the server's connections that are closed. */
interface Closed {
  name: string;
  reason: string;
}

const standStillMs = 100;

let mesh: TestMesh;
let flooder: ChildProcess;

beforeAll(async () => {
  // Less than the 64 MiB that it is by itself, so that no reader is fast enough.
  mesh = await startMesh({}, { monitor: true, config: 'max_pending: 8MB' });
  await mesh.supervisor.put(entryOf('steady'));
  await mesh.supervisor.put(entryOf('flood', 'running', { capabilities: ['plain', 'stream', 'echo'] }));
  await serve(mesh.peer, 'steady', 'echo', (msg) => msg.respond(msg.data));
  flooder = await startFlooder('flood');
  await eventually(() => mesh.app.catalog.get('flood') && mesh.app.catalog.get('steady'));
});
afterAll(async () => {
  flooder.kill('SIGKILL');
  await mesh[Symbol.asyncDispose]();
});

async function startFlooder(id: string): Promise<ChildProcess> {
  const { port, credentials } = mesh.nats;
  const program = path.join(import.meta.dirname, 'flooder.ts');
  const args = [program, String(port), credentials.user, credentials.password, id];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

function invoke(
  plugin: string,
  capability: string,
  { accept = '*/*', timeoutMs = 5_000 } = {},
): Promise<Response> {
  return fetch(`${mesh.url}/api/plugins/${plugin}/invoke/${capability}`, {
    method: 'POST',
    body: '"a"',
    headers: { 'content-type': 'application/json', accept, 'bkg-timeout-ms': String(timeoutMs) },
  });
}

/** As the gateway does while it collects garbage: the server holds up who sends, but not for long. */
function standStill(): void {
  const until = performance.now() + standStillMs;
  while (performance.now() < until);
}

/** How the server has ended connections of the gateway. */
async function cutOff(): Promise<Closed[]> {
  const response = await fetch(`${mesh.nats.monitorUrl}/connz?state=closed`);
  const { connections } = (await response.json()) as { connections: Closed[] };
  return connections.map(({ name, reason }) => ({ name, reason })).filter(({ name }) => /gateway/.test(name));
}

describe('a plugin that answers with more than the gateway takes', () => {
  it.each([
    ['a stream, without credit', 'stream', 'text/event-stream'],
    ['a request for one reply', 'plain', '*/*'],
  ])('to %s: nobody else feels it, and it can be invoked again', async (_, capability, accept) => {
    const before = await cutOff();
    const changes: boolean[] = [];
    const unhear = mesh.app.broker.onStatus((connected) => changes.push(connected));
    const flooded = invoke('flood', capability, { accept }).then((response) => response.text());
    const statuses: number[] = [];
    let closed: Closed[] = before;
    while (closed.length === before.length) {
      const response = await invoke('steady', 'echo');
      statuses.push(response.status);
      expect(await response.text()).toBe('"a"');
      closed = await cutOff();
      standStill();
    }
    await flooded;
    unhear();
    expect(closed.slice(before.length)).toEqual([
      { name: 'bkg gateway, flood', reason: 'Slow Consumer (Pending Bytes)' },
    ]);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(changes).toEqual([]);
    // What is sent before the gateway has heard of it is lost with the connection.
    await eventually(async () => {
      const response = await invoke('flood', 'echo', { timeoutMs: 500 });
      return (await response.text()) === '"a"';
    });
  });
});
