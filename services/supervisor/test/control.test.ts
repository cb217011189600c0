import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { isAlive, manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs', { name: 'From the folder', description: 'not started yet' }),
  ]);
  await mesh.supervise();
});
afterAll(() => mesh[Symbol.asyncDispose]());

describe('an order', () => {
  it('starts a plugin, and is answered when it takes invocations', async () => {
    expect(await mesh.get('echo')).toMatchObject({ status: 'stopped', name: 'From the folder', instances: [] });
    const info = await mesh.order('start', 'echo');
    expect(info).toMatchObject({ status: 'running', version: '1.0.0' });
    expect(info.instances).toHaveLength(1);
    expect(info.instances[0]).toMatchObject({ managed: true, status: 'running' });
    expect(await mesh.invoke('echo', 'text.say', { text: 'hi' })).toEqual({ text: 'hi' });
  });
});
