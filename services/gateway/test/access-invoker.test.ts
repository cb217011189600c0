import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { startAccessMesh } from './access-mesh.ts';
import type { AccessMesh } from './access-mesh.ts';
import { entryOf } from './mesh.ts';

let mesh: AccessMesh;

beforeAll(async () => {
  mesh = await startAccessMesh();
  const failed = entryOf('three', 'error', { capabilities: ['echo'] });
  await mesh.supervisor.put({ ...failed, error: 'cannot read /srv/a' });
  await eventually(() => mesh.app.catalog.get('three'));
});

afterAll(() => mesh[Symbol.asyncDispose]());

describe('who may invoke a plugin and not read it', () => {
  it('is not told what else it can do', async () => {
    const key = mesh.keeper.make(['invoke:one:nothing']);
    const { text } = await mesh.send('POST', '/api/plugins/one/invoke/nothing', { key, body: {} });
    expect(text).toContain('one has no capability');
    expect(text).not.toContain('echo');
    const reader = mesh.keeper.make(['invoke:one:nothing', 'read:one']);
    const told = await mesh.send('POST', '/api/plugins/one/invoke/nothing', { key: reader, body: {} });
    expect(told.text).toContain('it has echo, other.way');
  });

  it.each([
    ['POST', '/api/plugins/three/invoke/echo'],
    ['GET', '/api/docs/three'],
    ['GET', '/api/docs'],
  ])('is not told by %s %s why it has failed', async (method, path) => {
    for (const scope of ['invoke:three:echo', 'invoke:three:other', 'invoke']) {
      const key = mesh.keeper.make([scope]);
      const { text } = await mesh.send(method, path, { key, ...(method === 'POST' && { body: {} }) });
      expect(text).not.toContain('/srv/a');
    }
  });
});
