import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Isolation } from '@bkg/sdk';
import { strictProblem } from '../src/strict-problem.ts';
import { manifest, Mesh, problemOf } from './mesh.ts';

const held = { strength: 'enforced', by: 'landlock', note: 'It holds.' } as const;
const lacking = { strength: 'none', by: 'none', note: 'This kernel has no Landlock.' } as const;
const isolation = (more: Partial<Isolation>): Isolation => ({
  memory: held,
  cpu: held,
  processes: held,
  user: held,
  files: held,
  network: held,
  ...more,
});

describe('a plugin whose sandbox is strict', () => {
  it('has no problem where its files and its network are held', () => {
    expect(strictProblem(isolation({ user: lacking, cpu: lacking }))).toBeUndefined();
  });

  it.each<Partial<Isolation>>([
    { files: lacking },
    { network: lacking },
    { files: lacking, network: lacking },
    { network: { ...lacking, strength: 'late' } },
  ])('is told what is lacking, once: %j', (more) => {
    expect(strictProblem(isolation(more))).toBe(
      'its sandbox is "strict", which this machine cannot do: This kernel has no Landlock. With "on" it is started all the same.',
    );
  });
});

describe('on a machine without a sandbox', () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await Mesh.create();
    mesh.write({ ...manifest('strict', 'echo.mjs'), config: { sandbox: 'strict' } });
    await mesh.supervise({}, { isolation: isolation({ files: lacking, network: lacking }) });
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  it('is shown as what it is, and not started', async () => {
    const { detail } = await problemOf(mesh.order('start', 'strict'));
    expect(detail).toContain('This kernel has no Landlock.');
    expect(await mesh.get('strict')).toMatchObject({
      status: 'error',
      error: expect.stringContaining('its sandbox is "strict"') as string,
      isolation: { files: lacking },
      instances: [],
    });
    expect(mesh.pids('strict')).toEqual([]);
  });
});
