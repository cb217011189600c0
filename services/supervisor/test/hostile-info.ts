import { encodeDescriptor } from '@bkg/sdk';
import type { Descriptor, PluginCapability } from '@bkg/sdk';
import { hostile, randomOf } from './hostile.ts';
import type { Random } from './hostile.ts';

const capability: PluginCapability = {
  id: 'text.say',
  name: 'Say',
  description: 'Says it again.',
  input_schema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  output_schema: true,
  stream: false,
  upload: false,
  idempotent: true,
};

function described(id: string): Descriptor {
  return {
    id,
    version: '1.0.0',
    name: 'A service',
    description: 'Grüße, "quoted"\nand more.',
    author: '',
    settings_schema: { type: 'object' },
    capabilities: [
      capability,
      { ...capability, id: 'text_say' },
      {
        ...capability,
        id: 'fail',
        errors: { SVC_TIRED: { number: 422, retryable: true, description: 'It is tired.' } },
      },
    ],
  };
}

/** What `depth` brackets around each other make; as text, because no value can be built that deep. */
function nested(random: Random, depth: number): string {
  return random.pick([
    `${'['.repeat(depth)}${']'.repeat(depth)}`,
    `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
    `${'{"properties":{"a":'.repeat(depth)}{}${'}}'.repeat(depth)}`,
  ]);
}

type Info = Record<string, unknown> & { endpoints: { metadata: Record<string, unknown>; subject: string }[] };

/** The ways in which whole replies go wrong, beside single places of them. */
const ways: readonly ((random: Random, info: Info) => unknown)[] = [
  (random, info) => hostile(random, info),
  (random, info) => hostile(random, info),
  (random, info) => hostile(random, info),
  // Huge schemas.
  (random, info) => {
    const schema = { type: 'object', description: 'x'.repeat(random.pick([1_000, 100_000, 800_000])) };
    return withMetadata(info, random, JSON.stringify(schema));
  },
  // Deep ones, in the metadata and in the reply itself.
  (random, info) => withMetadata(info, random, nested(random, random.pick([60, 70, 5_000, 40_000]))),
  (random, info) => ({ ...info, more: '@deep', [random.pick(['metadata', 'version', 'x'])]: '@deep' }),
  // Prototypes.
  (_, info) =>
    withMetadata(info, undefined, '{"__proto__":{"polluted":true},"constructor":{"prototype":{}}}'),
  (_, info) => ({ ...info, endpoints: info.endpoints.map((one) => endpointOf(info, '__proto__', one)) }),
  (_, info) => ({ ...info, endpoints: info.endpoints.map((one) => endpointOf(info, 'constructor', one)) }),
  // Many, and the same again and again.
  (random, info) => ({
    ...info,
    endpoints: Array.from({ length: random.pick([10, 1_500, 9_000]) }, (_, i) =>
      endpointOf(info, `c${i % 5_000}`),
    ),
  }),
  // Half characters, and errors that hold more than they may.
  (_, info) => ({ ...info, description: '\ud800', metadata: { 'bkg.name': 'x\udc00', 'bkg.author': '\0' } }),
  (random, info) => {
    const deep = `{"SVC_X":{"number":422,"retryable":true,"description":"d","more":${nested(random, 20_000)}}}`;
    return withMetadata(info, undefined, deep, 'bkg.errors');
  },
  // In the name of another.
  (random, info) => ({
    ...info,
    name: random.pick(['candle', 'sdk', 'api', 'bkg-x', 'good', 'UP', 'a.b', '>']),
  }),
];

/** In one place only: a message has an end. */
function withMetadata(info: Info, random: Random | undefined, text: string, given?: string): Info {
  const schemas = ['bkg.input_schema', 'bkg.output_schema', 'bkg.settings_schema'] as const;
  const key = given ?? random?.pick(schemas) ?? 'bkg.input_schema';
  if (key === 'bkg.settings_schema') return { ...info, metadata: { [key]: text } };
  const [first, ...rest] = info.endpoints;
  const metadata = { ...first?.metadata, [key]: text };
  return { ...info, endpoints: [{ ...first, metadata } as Info['endpoints'][number], ...rest] };
}

function endpointOf(info: Info, id: string, like: object = {}) {
  return {
    name: 'x',
    ...like,
    subject: `plugin.${String(info['name'])}.invoke.${id}`,
  } as unknown as Info['endpoints'][number];
}

/** An INFO reply as it may arrive; the same for the same seed. At most `mostBytes`. */
export function hostileInfo(seed: number, id: string, instance: string, mostBytes = 1_000_000): Uint8Array {
  const random = randomOf(seed);
  const descriptor = described(id);
  const info = { name: id, id: instance, version: '1.0.0', description: descriptor.description };
  const spoiled = random.pick(ways)(random, { ...info, ...encodeDescriptor(descriptor) });
  // A value that deep cannot be made into text, but text can be that deep.
  const text = (JSON.stringify(spoiled) ?? '').replaceAll('"@deep"', () => nested(random, 20_000));
  const bytes = new TextEncoder().encode(text).slice(0, mostBytes);
  // Broken on the way, or never UTF-8.
  if (random.below(20) === 0 && bytes.length > 3)
    bytes.set([0xff, 0xc0, 0x80], random.below(bytes.length - 3));
  return random.below(20) === 0 ? bytes.slice(0, random.below(bytes.length)) : bytes;
}
