import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buckets } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;
let desired: KV;

/** A plugin in two versions; `env` is that of the second. */
function versions(id: string, env: Record<string, string> = {}, more: object = {}): void {
  const self_test = { capability: 'text.say', payload: { text: 'test' } };
  mesh.writeVersion({ ...manifest(id, 'echo.mjs', { self_test, autostart: true }), ...more });
  mesh.writeVersion({ ...manifest(id, 'echo.mjs', { self_test, env, version: '1.1.0' }), ...more });
}

beforeAll(async () => {
  mesh = await Mesh.create();
  versions('echo');
  versions('many', {}, { config: { replicas: 3 } });
  versions('broken', { ECHO_FAILS: 'it is broken' });
  versions('files', {}, { single_writer: true });
  await mesh.supervise({ startTimeoutMs: 30_000 });
  desired = await new Kvm(mesh.caller.nats).open(buckets.desired);
});
afterAll(() => mesh[Symbol.asyncDispose]());

const kept = async (key: string) => (await desired.get(key))?.json<Record<string, unknown>>();
const started = (id: string): Promise<PluginInfo> => mesh.order('start', id);

describe('a swap', () => {
  it('replaces the instance by one of another version, and says how', async () => {
    const before = await started('echo');
    expect(before).toMatchObject({ version: '1.0.0', versions: ['1.0.0', '1.1.0'] });
    const after = await mesh.order('swap', 'echo', { version: '1.1.0', by: 'ana', why: 'newer' });
    expect(after).toMatchObject({ version: '1.1.0', status: 'running', versions: ['1.1.0', '1.0.0'] });
    expect(after.instances).toMatchObject([{ version: '1.1.0', status: 'running' }]);
    expect(after.rollout).toMatchObject({
      verb: 'swap',
      state: 'done',
      by: 'ana',
      why: 'newer',
      from: '1.0.0',
      to: '1.1.0',
      instances: [
        {
          instance: after.instances[0]!.instance,
          replaced: before.instances[0]!.instance,
          ready_ms: expect.any(Number),
          self_test_ms: expect.any(Number),
          drain_ms: expect.any(Number),
        },
      ],
      invocations: { failed: 0, lost: 0 },
      contract: { breaks: [], unknown: [] },
    });
    expect(await kept('run.echo')).toMatchObject({ want: 'running', version: '1.1.0', by: 'ana' });
    expect(await kept('config.echo')).toMatchObject({ version: '1.1.0', by: 'ana', why: 'newer' });
  });

  it('of several instances replaces one after the other', async () => {
    await started('many');
    const after = await mesh.order('swap', 'many', { version: '1.1.0' });
    expect(after.instances.map(({ version }) => version)).toEqual(['1.1.0', '1.1.0', '1.1.0']);
    expect(after.rollout?.instances).toHaveLength(3);
    expect(after.rollout?.instances.every(({ replaced }) => replaced)).toBe(true);
  });

  it('to a version that does not start leaves the old one serving, and says why', async () => {
    const before = await started('broken');
    const problem = await problemOf(mesh.order('swap', 'broken', { version: '1.1.0' }));
    expect(problem).toMatchObject({ code: 'PLUGIN_CRASHED' });
    expect(problem.detail).toContain('it is broken');
    expect(problem.detail).toContain('1.0.0 goes on serving');
    const after = await mesh.get('broken');
    expect(after).toMatchObject({ status: 'running', version: '1.0.0', rollout: { state: 'failed' } });
    expect(after.instances).toEqual(before.instances);
    expect(await kept('run.broken')).toMatchObject({ version: '1.0.0' });
    expect(await kept('config.broken')).toMatchObject({ version: '1.0.0', revision: 3, restores: 1 });
  });

  it('of a single writer ends the old one first, and says how long nobody served', async () => {
    await started('files');
    const after = await mesh.order('swap', 'files', { version: '1.1.0' });
    expect(after.instances).toMatchObject([{ version: '1.1.0' }]);
    expect(after.rollout).toMatchObject({ state: 'done', paused_ms: expect.any(Number) });
  });
});
