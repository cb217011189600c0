import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Msg } from '@nats-io/nats-core';
import { describe, expect, it } from 'vitest';
import type { Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

async function meshWithSlow(graceMs: number, answerAfterMs: number): Promise<TestMesh & { asked: Msg[] }> {
  const mesh = await startMesh({ graceMs });
  const asked: Msg[] = [];
  await mesh.supervisor.put(entryOf('slow', 'running', { capabilities: ['work'] }));
  await serve(mesh.peer, 'slow', 'work', (msg) => {
    asked.push(msg);
    void wait(answerAfterMs).then(() => msg.respond('"done"'));
  });
  return Object.assign(mesh, { asked });
}

function work(mesh: TestMesh): Promise<Response> {
  return fetch(`${mesh.url}/api/plugins/slow/invoke/work`, { method: 'POST' });
}

async function closing(mesh: TestMesh): Promise<number> {
  const startedAt = performance.now();
  await mesh.app.close();
  return performance.now() - startedAt;
}

describe('a gateway that stops', () => {
  it('lets a running invocation end', async () => {
    await using mesh = await meshWithSlow(5_000, 500);
    const invoked = work(mesh);
    await eventually(() => mesh.asked.length === 1);
    const closed = closing(mesh);
    const response = await invoked;
    expect([response.status, await response.text()]).toEqual([200, '"done"']);
    // Not the time for which it would keep an idle connection.
    expect(await closed).toBeLessThan(2_000);
  });

  it('cuts off what takes longer than its grace period, and tells the plugin', async () => {
    await using mesh = await meshWithSlow(200, 60_000);
    const cancelled: unknown[] = [];
    mesh.peer.subscribe('plugin.slow.cancel', { callback: (_error, msg) => void cancelled.push(msg.json()) });
    await mesh.peer.nats.flush();
    const invoked = work(mesh);
    await eventually(() => mesh.asked.length === 1);
    const closed = closing(mesh);
    const response = await invoked;
    const problem = (await response.json()) as Problem;
    // The handler may have run: not 503, after which clients try again.
    expect([response.status, problem.code]).toEqual([499, 'CANCELLED']);
    expect(await closed).toBeLessThan(2_000);
    await eventually(() => cancelled.length === 1);
    expect(cancelled).toEqual([{ invocation_id: response.headers.get('bkg-invocation-id') }]);
  });

  it('refuses what comes on a connection that is still open, with a problem', async () => {
    await using mesh = await meshWithSlow(5_000, 500);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const status = (): Promise<{
      status: number | undefined;
      connection: string | undefined;
      body: string;
    }> =>
      new Promise((resolve, reject) => {
        httpRequest({ agent, port: mesh.port, host: '127.0.0.1', path: '/livez' }, (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => (body += chunk.toString()));
          response.on('end', () =>
            resolve({ status: response.statusCode, connection: response.headers.connection, body }),
          );
        })
          .on('error', reject)
          .end();
      });
    const invoked = work(mesh);
    await eventually(() => mesh.asked.length === 1);
    // Half a request: the connection is not idle, and gets through to the end.
    const socket = connect(mesh.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.write(`GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${mesh.port}\r\n`);
    expect((await status()).status).toBe(200);
    const closed = mesh.app.close();
    await wait(50);
    socket.write('\r\n');
    await eventually(() => answer !== '');
    expect(answer).toMatch(/^HTTP\/1.1 503 /);
    expect(answer).toContain('The gateway is stopping');
    expect(answer.toLowerCase()).toContain('connection: close');
    expect((await invoked).status).toBe(200);
    await closed;
    socket.destroy();
    agent.destroy();
  });

  it('does not wait for clients that say nothing, or never end', async () => {
    await using mesh = await meshWithSlow(200, 0);
    const silent = connect(mesh.port, '127.0.0.1');
    const endless = connect(mesh.port, '127.0.0.1');
    endless.write(
      `POST /api/plugins/slow/invoke/work HTTP/1.1\r\nHost: 127.0.0.1:${mesh.port}\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nx`,
    );
    await wait(50);
    expect(await closing(mesh)).toBeLessThan(2_000);
    silent.destroy();
    endless.destroy();
  });

  it('closes twice without harm, and before it was ever connected', async () => {
    await using mesh = await meshWithSlow(200, 0);
    await Promise.all([mesh.app.close(), mesh.app.close()]);
  });
});
