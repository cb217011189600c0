import { capability, configDefaults, definePlugin, Instance, Type } from '@bkg/sdk';
import type { PluginConfig, Status } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { entryOf } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

/** One instance of a plugin that has several. */
export interface Member {
  id: string;
  instance: Instance;
  /** Of the invocations that it has begun. */
  began: string[];
  /** Ends all that it has begun, and what it begins from now on at once. */
  finish: () => void;
}

/** Instances of one plugin with the SDK, of which the registry knows; `most` run at a time in each, and none wait. */
export async function startMembers(
  mesh: TestMesh,
  id: string,
  count: number,
  { most = 1, queue = 0 }: { most?: number; queue?: number } = {},
): Promise<Member[]> {
  const limits = { ...configDefaults.limits, max_concurrency: most, max_queue: queue };
  const config = { id, ...configDefaults, limits };
  const members = await Promise.all(Array.from({ length: count }, () => startMember(mesh, id, config)));
  await tell(
    mesh,
    id,
    config,
    members.map((member) => [member, 'running']),
  );
  return members;
}

/** What the registry says of them, from when the gateway knows it. */
export async function tell(
  mesh: TestMesh,
  id: string,
  config: PluginConfig,
  members: [Member, Status][],
): Promise<void> {
  const entry = entryOf(id, 'running', { config, capabilities: ['echo', 'stream'] });
  const [first] = entry.instances;
  const observed_at = new Date(Date.now() + 1).toISOString();
  await mesh.supervisor.put({
    ...entry,
    observed_at,
    instances: members.map(([member, status]) => ({ ...first!, instance: member.id, status })),
  });
  await eventually(() => mesh.app.catalog.get(id)?.observed_at === observed_at);
}

async function startMember(mesh: TestMesh, id: string, config: PluginConfig): Promise<Member> {
  const began: string[] = [];
  const gate = Promise.withResolvers<void>();
  const plugin = definePlugin({
    id,
    version: '1.0.0',
    description: 'For tests.',
    capabilities: {
      echo: capability({
        description: 'Answers when it is told to.',
        input: Type.Unknown(),
        output: Type.Object({ by: Type.String() }),
        handler: async (_, { invocationId }) => {
          began.push(invocationId);
          await gate.promise;
          return { by: instance.id };
        },
      }),
      stream: capability({
        description: 'One chunk, and the end when it is told to.',
        input: Type.Unknown(),
        chunk: Type.Object({ by: Type.String() }),
        output: Type.Null(),
        async *handler(_, { invocationId }) {
          began.push(invocationId);
          yield { by: instance.id };
          await gate.promise;
        },
      }),
    },
  });
  const instance = new Instance(plugin, {
    connection: await mesh.nats.connect(id),
    config,
    log: silentLogger,
  });
  await instance.start();
  return { id: instance.id, instance, began, finish: gate.resolve };
}
