import { readdirSync } from 'node:fs';
import path from 'node:path';
import { ownCgroupPlaces } from '../src/isolation/cgroup-places.ts';
import { CgroupTree } from '../src/isolation/cgroup-tree.ts';
import { environmentOf, listProcesses } from '../src/process-table.ts';
import type { Mesh } from './mesh.ts';

/** Not of an instance. */
const ownFiles = ['supervisor.json', 'failures'];

/** Files, processes and cgroups in a mesh of instances that its supervisor does not know. */
export async function leftoversOf(mesh: Mesh): Promise<string[]> {
  const { home } = mesh;
  const known = (await mesh.list()).flatMap(({ instances }) =>
    instances.filter(({ managed, pid }) => managed && pid !== undefined).map(({ instance }) => instance),
  );
  const isLeft = (instance: string): boolean => !known.includes(instance);
  // Also the halves of files that were just being written.
  const isFileLeft = (name: string): boolean =>
    name.endsWith('.new') || (!ownFiles.includes(name) && isLeft(name.split('.')[0] ?? ''));
  const places = ownCgroupPlaces();
  const processes = listProcesses().filter(({ pid }) => {
    const env = environmentOf(pid);
    const instance = env?.get('BKG_INSTANCE_ID');
    return env?.get('BKG_HOME') === home && instance !== undefined && isLeft(instance);
  });
  return [
    ...readdirSync(path.join(home, 'run'))
      .filter(isFileLeft)
      .map((name) => `run/${name}`),
    ...new CgroupTree({ home, places, bases: {} })
      .instances()
      .filter(isLeft)
      .map((name) => `cgroup ${name}`),
    ...processes.map(({ pid }) => `process ${pid}`),
  ];
}
