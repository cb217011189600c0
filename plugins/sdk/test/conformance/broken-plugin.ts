import { setTimeout as wait } from 'node:timers/promises';
import { bytes } from '../../src/bytes.ts';
import { runConformance } from '../../src/conformance/index.ts';
import type { CaseResult } from '../../src/conformance/index.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { Type } from '../../src/index.ts';
import { Instance } from '../../src/instance.ts';
import { completeConfig } from '../../src/protocol/plugin.ts';
import { silentLogger } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { SabotagedConnection } from './saboteur.ts';
import type { Sabotage } from './saboteur.ts';

function definition(id: string) {
  return definePlugin({
    id,
    version: '1.0.0',
    description: 'Breaks one rule.',
    capabilities: {
      'text.say': capability({
        description: 'Says it.',
        idempotent: true,
        input: Type.Object({ text: Type.String() }, { additionalProperties: false }),
        output: Type.Object({ text: Type.String() }),
        handler: ({ text }) => ({ text }),
      }),
      wait: capability({
        description: 'Waits.',
        input: Type.Object({ ms: Type.Integer() }),
        output: Type.Object({}),
        handler: async ({ ms }, { signal }) => {
          await wait(ms, undefined, { signal });
          return {};
        },
      }),
      count: capability({
        description: 'Counts.',
        idempotent: true,
        input: Type.Object({ to: Type.Integer({ examples: [50] }) }),
        chunk: Type.Object({ n: Type.Integer() }),
        output: Type.Object({ counted: Type.Integer() }),
        async *handler({ to }) {
          for (let n = 1; n <= to; n++) yield { n };
          return { counted: to };
        },
      }),
      weigh: capability({
        description: 'Counts bytes.',
        idempotent: true,
        upload: true,
        input: bytes(),
        output: Type.Object({ bytes: Type.Integer() }),
        handler: async (body) => ({ bytes: (await body.bytes()).length }),
      }),
    },
  });
}

/** So few places that a test can take them all. */
const limits = { max_concurrency: 8, max_queue: 24 };
let plugins = 0;

/** The verdicts on a plugin that is sabotaged. @param cases all, when there are none */
export async function verdictsOn(
  server: TestServer,
  sabotage: Sabotage,
  ...cases: string[]
): Promise<CaseResult[]> {
  const plugin = definition(`broken-${++plugins}`);
  const connection = await SabotagedConnection.of(server, sabotage);
  const config = completeConfig(plugin.id, { limits });
  const instance = new Instance(plugin, { connection, config, log: silentLogger, heartbeatMs: 1_200 });
  await instance.start();
  void instance.drainAsked.then(() => instance.drain(8_000));
  try {
    return await runConformance({
      connection: await server.connect('tester'),
      pluginId: plugin.id,
      samples: { 'text.say': { text: 'x' } },
      uploads: { weigh: { body: Buffer.alloc(1_500_000, 'bkg') } },
      slow: { wait: { ms: 3_000 } },
      level: ['full', 'streaming', 'upload', 'backpressure'],
      ...(cases.length > 0 && { cases }),
    });
  } finally {
    await instance.drain(0);
  }
}
