import { setTimeout as wait } from 'node:timers/promises';
import { bytes, capability, configDefaults, definePlugin, Instance, Type } from '@bkg/sdk';
import type { PluginCapability, PluginConfig } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
import { entryOf } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

/** What a plugin with streams has done. */
export interface Seen {
  /** Bytes that its uploads have read. */
  read: number;
  /** Chunks that its streams were asked for. */
  yielded: number;
  /** Why handlers were to end, in their order. */
  ended: string[];
}

/** A plugin of the SDK with one capability for each way that something can come in parts. */
export function createReel(id: string) {
  const seen: Seen = { read: 0, yielded: 0, ended: [] };
  const hear = (signal: AbortSignal): void =>
    signal.addEventListener('abort', () => seen.ended.push((signal.reason as { code: string }).code));
  const plugin = definePlugin({
    id,
    version: '1.0.0',
    description: 'Streams.',
    capabilities: {
      count: capability({
        description: 'Counts.',
        input: Type.Object({ to: Type.Integer(), failAt: Type.Optional(Type.Integer()) }),
        chunk: Type.Object({ n: Type.Integer() }),
        output: Type.Object({ counted: Type.Integer() }),
        async *handler({ to, failAt = -1 }, { signal }) {
          hear(signal);
          for (let n = 0; n < to; n += 1) {
            if (n === failAt) throw new Error('secret');
            seen.yielded += 1;
            yield { n };
          }
          return { counted: to };
        },
      }),
      tick: capability({
        description: 'One chunk, and then nothing until it is ended.',
        input: Type.Object({}),
        chunk: Type.Integer(),
        output: Type.Null(),
        async *handler(_, { signal }) {
          hear(signal);
          yield 1;
          await wait(60_000, undefined, { signal });
        },
      }),
      file: capability({
        description: 'Bytes in pieces.',
        input: Type.Object({
          pieces: Type.Integer(),
          bytes: Type.Integer(),
          type: Type.Optional(Type.String()),
          failAt: Type.Optional(Type.Integer()),
        }),
        chunk: bytes(),
        output: Type.Null(),
        async *handler({ pieces, bytes: size, type, failAt = -1 }, { signal, respondAs }) {
          hear(signal);
          if (type !== undefined) respondAs(type);
          for (let i = 0; i < pieces; i += 1) {
            if (i === failAt) throw new Error('secret');
            seen.yielded += 1;
            yield Buffer.alloc(size, i);
          }
        },
      }),
      take: capability({
        description: 'Reads all of a body, as fast as it is told to.',
        input: bytes(),
        upload: true,
        output: Type.Object({ bytes: Type.Integer(), type: Type.String() }),
        handler: async (body, { signal }) => {
          hear(signal);
          for await (const piece of body) {
            seen.read += piece.length;
            await gate.promise;
          }
          return { bytes: seen.read, type: body.contentType };
        },
      }),
      refuse: capability({
        description: 'Answers without reading.',
        input: bytes(),
        upload: true,
        output: Type.String(),
        handler: () => 'No, thank you.',
      }),
      mirror: capability({
        description: 'Gives a body back while it reads it.',
        input: bytes(),
        upload: true,
        chunk: bytes(),
        output: Type.Null(),
        async *handler(body, { respondAs }) {
          respondAs(body.contentType);
          for await (const piece of body) yield piece;
        },
      }),
      picture: capability({
        description: 'The picture again.',
        input: bytes('image/*'),
        output: bytes('image/*'),
        handler: async (body, { respondAs }) => {
          respondAs(body.contentType);
          return body.bytes();
        },
      }),
    },
  });
  /** While it is closed uploads do not go on reading. */
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  return {
    plugin,
    seen,
    stop: (): void => void (gate = Promise.withResolvers()),
    go: (): void => gate.resolve(),
  };
}

export type Reel = ReturnType<typeof createReel> & { instance: Instance };

/** One instance of it that runs, and an entry in the registry that says so. */
export async function startReel(
  mesh: TestMesh,
  id: string,
  limits: Partial<PluginConfig['limits']> = {},
): Promise<Reel> {
  const reel = createReel(id);
  const config = { id, ...configDefaults, limits: { ...configDefaults.limits, ...limits } };
  const instance = new Instance(reel.plugin, {
    connection: await mesh.nats.connect(id),
    config,
    log: silentLogger,
  });
  await instance.start();
  const entry = entryOf(id, 'running', { config });
  await mesh.supervisor.put({ ...entry, capabilities: capabilitiesOf() });
  await eventually(() => mesh.app.catalog.get(id)?.observed_at === entry.observed_at);
  return { ...reel, instance };
}

/** As the registry has them. */
export function capabilitiesOf(): PluginCapability[] {
  const as = (id: string, more: Partial<PluginCapability>): PluginCapability => ({
    id,
    name: id,
    description: '',
    input_schema: {},
    output_schema: {},
    stream: false,
    upload: false,
    idempotent: false,
    ...more,
  });
  const any = '*/*';
  return [
    as('count', { stream: true, chunk_schema: {} }),
    as('tick', { stream: true, chunk_schema: {} }),
    as('file', { stream: true, chunk_type: any }),
    as('take', { upload: true, input_type: any }),
    as('refuse', { upload: true, input_type: any }),
    as('mirror', { upload: true, input_type: any, stream: true, chunk_type: any }),
    as('picture', { input_type: 'image/*', output_type: 'image/*' }),
  ];
}
