import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { startAccessMesh } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';

let mesh: AccessMesh;

beforeEach(async () => {
  mesh = await startAccessMesh();
});

afterEach(() => mesh[Symbol.asyncDispose]());

/** A request whose body has not arrived but for its first byte. */
function begin(method: string, path: string, key: string, body: string) {
  const socket = connect(mesh.port, '127.0.0.1');
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${mesh.port}`,
    `Authorization: Bearer ${key}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.write([...head, '', body.slice(0, 1)].join('\r\n'));
  const answer = new Promise<string>((resolve, reject) => {
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  return {
    end: async (): Promise<string> => {
      socket.write(body.slice(1));
      return answer;
    },
  };
}

const requests = [
  ['POST', '/api/keys', '{"name":"another","scopes":["admin"]}'],
  ['PUT', '/api/roles/mine', '{"scopes":["read"]}'],
  ['POST', '/api/plugins/one/stop', '{"wait":false}'],
  ['POST', '/api/plugins/one/config', '{"revision":0,"replicas":2}'],
  ['POST', '/api/plugins/one/invoke/echo', '{"a":1}'],
  ['POST', '/api/plugins/one/invoke', '{"capability":"echo"}'],
] as const;

describe('a body that takes its time', () => {
  it.each(requests)(
    '%s %s does nothing with a key that was revoked meanwhile',
    async (method, path, body) => {
      const key = mesh.keeper.make(['admin']);
      expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(200);
      const { questions } = mesh.keeper;
      const { end } = begin(method, path, key, body);
      // It is let in, as the next one is.
      expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(200);
      mesh.keeper.revoke(key);
      await eventually(() => mesh.keeper.questions > questions);
      await eventually(async () => (await mesh.send('GET', '/api/plugins', { key })).status === 401);
      const answer = await end();
      expect(answer.split('\r\n', 1)).toEqual(['HTTP/1.1 401 Unauthorized']);
      expect(answer).toContain('This API key was revoked.');
      expect([mesh.invoked, mesh.orders, mesh.keeper.ordered]).toEqual([[], [], []]);
    },
  );

  it('does nothing with a scope that was taken away meanwhile', async () => {
    const key = mesh.keeper.make(['invoke:one', 'read']);
    expect((await mesh.send('GET', '/api/plugins', { key })).status).toBe(200);
    const { end } = begin('POST', '/api/plugins/one/invoke/echo', key, '{"a":1}');
    mesh.keeper.change(key, { scopes: ['read'] });
    const isTaken = async (): Promise<boolean> =>
      (await mesh.send('POST', '/api/plugins/one/invoke/echo', { key })).status === 403;
    await eventually(isTaken);
    mesh.invoked.length = 0;
    expect((await end()).split('\r\n', 1)).toEqual(['HTTP/1.1 403 Forbidden']);
    expect(mesh.invoked).toEqual([]);
  });
});
