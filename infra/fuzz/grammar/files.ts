import { readFileSync } from 'node:fs';
import path from 'node:path';
import { encodeModel } from '../../../plugins/candle/dist/onnx/writer.js';
import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import type { Grammar } from '../lineage.ts';
import { chance, mutateBytes, pick, utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { makeJson, mutateJson } from './json.ts';

const fileKinds = [
  'manifest',
  'credentials',
  'config',
  'environment',
  'onnx',
  'safetensors',
  'metadata',
  'record',
  'up',
  'key',
] as const;
export type FileKind = (typeof fileKinds)[number];

export interface FileInput {
  kind: FileKind;
  content: Bytes;
}

/** What no message may repeat, wherever it stands in a file. */
export const fileSecret = 'hunter2!';

const seed = `SAA${'A'.repeat(55)}`;
const json = (value: unknown): Bytes => utf8(JSON.stringify(value));
const port = { tensor: 'float' as const, dims: ['rows', 2, null] };
/** The beginning of a model is all that says what it is; the rest are its weights. */
const modelBytes = 6_000;
const shipped = path.join(import.meta.dirname, '../../../plugins/candle/models/bkg/language-id/model.onnx');
const onnx = (model: Parameters<typeof encodeModel>[0]): Bytes =>
  Buffer.from(encodeModel(model)).toString('latin1');
const header =
  '{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"y":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}';
const environment = {
  BKG_HOME: '/tmp/nowhere',
  BKG_HOST: '127.0.0.1',
  BKG_PORT: '0',
  BKG_PLUGIN_BUS_PORT: '43121',
  BKG_PLUGIN_BUS_HOST: '127.0.0.1',
  BKG_NATS_URL: `nats://user:${fileSecret}@127.0.0.1:4222,nats://127.0.0.1:4223`,
  BKG_PUBLIC_URL: 'https://mesh.example',
  BKG_PLUGINS_PATH: '/tmp/a:/tmp/b',
  BKG_NO_AUTH: '',
  BKG_HEARTBEAT_MS: '2000',
  BKG_HOLD: '1',
  BKG_INSTANCE_ID: 'abc',
};

const samples: Record<FileKind, readonly Bytes[]> = {
  manifest: [
    json({ id: 'mutant', version: '1.0.0', command: ['node', 'nothing.js'] }),
    json({
      id: 'mutant',
      version: '1.0.0-a+b',
      name: 'M',
      command: ['node', 'nothing.js', 'x'],
      single_writer: true,
      self_test: { capability: 'a.b', payload: {} },
      start_timeout_secs: 3,
      needs: ['target:*', 'target:strict.*'],
      config: {
        replicas: 2,
        env: { A: 'b' },
        settings: { x: 1 },
        sandbox: 'on',
        resources: { timeout_secs: 3, max_memory_mb: 64 },
        limits: {
          max_queue: 0,
          rate_per_second: 3,
          burst: 2,
          capabilities: { 'a.b': { rate_per_second: 1 } },
        },
      },
    }),
  ],
  credentials: [
    json({ user: 'u', password: fileSecret }),
    json({
      user: 'u',
      password: fileSecret,
      core_inbox: '_CORE.x',
      ca_file: 'x.pem',
      callout: { issuer_seed: seed },
      system: { user: 's', password: fileSecret },
    }),
  ],
  config: [
    json({
      id: 'target',
      enabled: true,
      replicas: 1,
      env: { TOKEN: fileSecret },
      settings: {},
      resources: { timeout_secs: 5 },
      limits: { max_concurrency: 1, max_queue: 1 },
      revision: 3,
    }),
    '{}',
  ],
  environment: [json(environment), json({ ...environment, BKG_NATS_URL: '' }), json({ BKG_PORT: '1' })],
  onnx: [
    onnx({
      name: 'a',
      inputs: [{ name: 'x', type: port }],
      outputs: [{ name: 'y', type: port }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    }),
    readFileSync(shipped).toString('latin1', 0, modelBytes),
  ],
  safetensors: [header, `${header}   `],
  metadata: [
    json({
      'bkg.task': 'text-classification',
      'bkg.text': 'utf-8-bytes',
      'bkg.labels': '["de","en"]',
      'bkg.max_bytes': '100',
    }),
    json({
      'bkg.task': 'text-classification',
      'bkg.text': 'utf-8-bytes',
      'bkg.labels': '{"__proto__":[]}',
      'bkg.max_bytes': '1e400',
    }),
  ],
  record: [
    json({
      instance: 'ybiiDV6PhSjxp1PrnJmOSi',
      plugin_id: 'target',
      version: '1.0.0',
      launched_at: '2026-11-24T08:00:00.000Z',
      status: 'running',
      since: '2026-11-24T08:00:00.000Z',
      start_timeout_ms: 1_000,
      nats_url: 'nats://127.0.0.1:1',
      process: { pid: 1, start: '1' },
    }),
  ],
  up: [
    json({
      pid: 1,
      start: '1',
      state: 'up',
      parts: { gateway: { pid: 2, start: '3', fingerprint: 'x' } },
      broker: 'x',
    }),
  ],
  key: [`bkg_Kabcdefghi_${'a'.repeat(52)}`, `bkg_Kabcdefghi_${'a'.repeat(52)}\n`],
};

const areBytes: ReadonlySet<FileKind> = new Set(['onnx', 'key']);

export const fileGrammar: Grammar<FileInput> = {
  make: (random) => {
    const kind = pick(random, fileKinds);
    if (chance(random, 0.06))
      return { kind, content: areBytes.has(kind) ? mutateBytes('', random) : makeJson(random) };
    return change({ kind, content: pick(random, samples[kind]) }, random);
  },
  mutate: change,
};

function change({ kind, content }: FileInput, random: Random): FileInput {
  const change = areBytes.has(kind) ? mutateBytes : mutateJson;
  let changed = content;
  for (let n = between(random, 1, 3); n > 0; n -= 1) changed = change(changed, random);
  return { kind, content: changed };
}
