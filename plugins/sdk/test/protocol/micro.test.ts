import { describe, expect, it } from 'vitest';
import { declaredErrorNumbers } from '../../src/protocol/errors.ts';
import { decodeDescriptor, encodeDescriptor } from '../../src/protocol/micro.ts';
import type { Descriptor, InfoResponse, PingResponse, StatsResponse } from '../../src/protocol/micro.ts';
import { isCapabilityId, pluginIdProblem } from '../../src/protocol/names.ts';
import type { PluginCapability } from '../../src/protocol/plugin.ts';
import { schemaOf } from '../../src/protocol/schemas/index.ts';
import { createValidator } from '../../src/validator.ts';
import { createRandom, mutate } from './random.ts';

const plain: PluginCapability = {
  id: 'text.say',
  name: 'Say',
  description: 'Says it again.',
  input_schema: { type: 'object', properties: { text: { type: 'string' } } },
  output_schema: true,
  stream: false,
  upload: false,
  idempotent: false,
};
const descriptor: Descriptor = {
  id: 'echo',
  version: '1.2.3-rc.1',
  name: 'Echo',
  description: 'Grüße, "quoted"\nand more.',
  author: '',
  settings_schema: { type: 'object' },
  settings_live: true,
  capabilities: [
    plain,
    { ...plain, id: 'text-2.a_b', name: '', stream: true, upload: true, idempotent: true },
    {
      ...plain,
      id: 'fail',
      input_schema: false,
      output_schema: {},
      errors: { ECHO_TIRED: { number: 422, retryable: true, description: 'It is tired.' } },
    },
  ],
};

/** The replies as the runtime composes them. */
function infoOf(
  { id, version, description }: Descriptor,
  encoded = encodeDescriptor(descriptor),
): InfoResponse {
  return { type: 'io.nats.micro.v1.info_response', name: id, id: 'I1', version, description, ...encoded };
}

const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a descriptor', () => {
  it('arrives as it was sent', () => {
    expect(decodeDescriptor(overTheWire(infoOf(descriptor)))).toEqual(descriptor);
    const { settings_schema: _, settings_live: __, ...less } = descriptor;
    expect(decodeDescriptor(overTheWire(infoOf(less, encodeDescriptor(less))))).toEqual(less);
  });

  it('is written as ADR-32 wants it', () => {
    const info = infoOf(descriptor);
    const { description: _, endpoints, ...identity } = info;
    const ping: PingResponse = { ...identity, type: 'io.nats.micro.v1.ping_response' };
    const stats: StatsResponse = {
      ...identity,
      type: 'io.nats.micro.v1.stats_response',
      started: new Date(0).toISOString(),
      endpoints: endpoints.map(({ metadata: __, ...endpoint }) => ({
        ...endpoint,
        num_requests: 1,
        num_errors: 0,
        last_error: '',
        processing_time: 1,
        average_processing_time: 1,
      })),
    };
    expect(createValidator(schemaOf('InfoResponse'))(overTheWire(info))).toEqual([]);
    expect(createValidator(schemaOf('PingResponse'))(overTheWire(ping))).toEqual([]);
    expect(createValidator(schemaOf('StatsResponse'))(overTheWire(stats))).toEqual([]);
  });

  it('has one endpoint per capability: its name without dots, its subject with them, group q', () => {
    expect(encodeDescriptor(descriptor).endpoints.map(({ metadata: _, ...endpoint }) => endpoint)).toEqual([
      { name: 'text_say', subject: 'plugin.echo.invoke.text.say', queue_group: 'q' },
      { name: 'text-2_a_b', subject: 'plugin.echo.invoke.text-2.a_b', queue_group: 'q' },
      { name: 'fail', subject: 'plugin.echo.invoke.fail', queue_group: 'q' },
    ]);
  });

  it('leaves out of the metadata what is not so', () => {
    const [first, second, third] = encodeDescriptor(descriptor).endpoints.map(({ metadata }) => metadata);
    expect(Object.keys(first!)).toEqual([
      'bkg.capability',
      'bkg.name',
      'bkg.description',
      'bkg.input_schema',
      'bkg.output_schema',
    ]);
    expect(second).toMatchObject({ 'bkg.stream': '1', 'bkg.upload': '1', 'bkg.idempotent': '1' });
    expect(Object.keys(third!)).toContain('bkg.errors');
    const { settings_schema: _, settings_live: __, ...less } = descriptor;
    expect(encodeDescriptor(less).metadata).toEqual({
      'bkg.name': 'Echo',
      'bkg.author': '',
      'bkg.protocol': '1',
    });
  });
});

describe('the schemas of ADR-32', () => {
  const reply = {
    type: 'io.nats.micro.v1.stats_response',
    name: 'echo',
    id: 'I1',
    version: '1.0.0',
    metadata: {},
    started: '2026-11-24T08:00:00.000Z',
    endpoints: [
      {
        name: 'say',
        subject: 'plugin.echo.invoke.say',
        queue_group: 'q',
        num_requests: 3,
        num_errors: 0,
        last_error: '',
        processing_time: 7,
        average_processing_time: 2,
      },
    ],
  };
  const endpoint = reply.endpoints[0]!;
  const validate = createValidator(schemaOf('StatsResponse'));

  it('take a right reply, also with members that nobody knows yet', () => {
    expect(validate(reply)).toEqual([]);
    const more = { metadata: null, data: { depth: 1 } };
    expect(validate({ ...reply, more, endpoints: [{ ...endpoint, ...more }] })).toEqual([]);
  });

  it.each([
    { endpoints: [{ ...endpoint, average_processing_time: 2.33 }] },
    { endpoints: [{ ...endpoint, last_error: undefined }] },
    { endpoints: [{ ...endpoint, last_error: { message: 'no' } }] },
    { endpoints: [{ ...endpoint, name: 'text.say' }] },
    { endpoints: [{ ...endpoint, subject: 'plugin..say' }] },
    { endpoints: null },
    { metadata: null },
    { metadata: { n: 1 } },
    { name: 'a.b' },
    { version: '1.0' },
    { started: '2026-11-24T08:00:00+01:00' },
    { type: 'io.nats.micro.v1.stats' },
    { id: '' },
  ])('refuse the known faults of others: %j', (changes) => {
    expect(validate(overTheWire({ ...reply, ...changes }))).not.toEqual([]);
  });
});

describe('an INFO reply of somebody else', () => {
  const endpoint = { name: 'say', subject: 'plugin.echo.invoke.say' };
  const info = { name: 'echo', id: 'I1', version: '1.0.0', endpoints: [endpoint] };

  it('needs no metadata: then anything is taken and nothing is promised', () => {
    expect(decodeDescriptor(info)).toEqual({
      id: 'echo',
      version: '1.0.0',
      name: 'echo',
      description: '',
      author: '',
      capabilities: [
        {
          id: 'say',
          name: 'say',
          description: '',
          input_schema: {},
          output_schema: {},
          stream: false,
          upload: false,
          idempotent: false,
        },
      ],
    });
  });

  it('counts only with the endpoints under its own invoke subjects, each once', () => {
    const subjects = [
      'plugin.echo.invoke.one',
      'plugin.echo.invoke.one',
      'plugin.echo.invoke.two.three',
      'plugin.echo.invoke',
      'plugin.echo.invoke.',
      'plugin.echo.invoke.>',
      'plugin.echo.invoke.*',
      'plugin.echo.invoke.a b',
      'plugin.echo.invoke.UP',
      'plugin.other.invoke.four',
      'plugin.echo.status',
      '$JS.API.STREAM.DELETE.KV_bkg_desired',
      7,
    ];
    const endpoints = [...subjects.map((subject) => ({ name: 'x', subject })), null, 'text', []];
    expect(decodeDescriptor({ ...info, endpoints })?.capabilities.map(({ id }) => id)).toEqual([
      'one',
      'two.three',
    ]);
  });

  it.each([
    undefined,
    null,
    7,
    'text',
    [],
    {},
    { ...info, name: undefined },
    { ...info, name: 'a.b', endpoints: [{ name: 'say', subject: 'plugin.a.b.invoke.say' }] },
    { ...info, name: '>', endpoints: [{ name: 'say', subject: 'plugin.>.invoke.say' }] },
    { ...info, name: 'Echo', endpoints: [{ name: 'say', subject: 'plugin.Echo.invoke.say' }] },
    { ...info, name: 'bkg-x', endpoints: [{ name: 'say', subject: 'plugin.bkg-x.invoke.say' }] },
    { ...info, version: 1 },
    { ...info, endpoints: [] },
    { ...info, endpoints: { 0: endpoint } },
    { ...info, endpoints: [{ ...endpoint, subject: 'elsewhere' }] },
  ])('is no plugin when it is %j', (value) => {
    expect(decodeDescriptor(value)).toBeUndefined();
  });

  it('may have metadata that makes no sense: it counts as not said', () => {
    const metadata = {
      'bkg.name': 7,
      'bkg.description': null,
      'bkg.input_schema': '{"type":',
      'bkg.output_schema': '[1]',
      'bkg.idempotent': 'true',
      'bkg.errors': JSON.stringify({
        ECHO_FINE: { number: 404, retryable: false, description: 'gone' },
        ECHO_ODD: { number: 418, retryable: false, description: 'a number that nobody may declare' },
        ECHO_HALF: { number: 404 },
        ECHO_TEXT: 'text',
        INTERNAL: { number: 404, retryable: true, description: 'a code of the table' },
        'echo lower': { number: 404, retryable: true, description: 'no code at all' },
        ['__proto__']: { number: 404, retryable: false, description: 'polluted' },
      }),
    };
    const [capability] = decodeDescriptor({ ...info, endpoints: [{ ...endpoint, metadata }] })!.capabilities;
    expect(capability).toMatchObject({ name: 'say', description: '', input_schema: {}, idempotent: false });
    expect(capability!.output_schema).toEqual({});
    expect(capability!.errors).toEqual({ ECHO_FINE: { number: 404, retryable: false, description: 'gone' } });
    for (const errors of ['7', '[]', '{}', 'null', '{"A":1}']) {
      const [other] = decodeDescriptor({
        ...info,
        endpoints: [{ ...endpoint, metadata: { 'bkg.errors': errors } }],
      })!.capabilities;
      expect(other).not.toHaveProperty('errors');
    }
  });

  it('never throws and never yields an impossible capability, in a thousand hostile forms', () => {
    let plugins = 0;
    for (let seed = 0; seed < 1_000; seed += 1) {
      const hostile = mutate(createRandom(seed), overTheWire(infoOf(descriptor)));
      const read = decodeDescriptor(hostile);
      if (!read) continue;
      plugins += 1;
      assertPossible(read);
    }
    // Enough of them are broken in one place only, so that what is left of them is read.
    expect(plugins).toBeGreaterThan(300);
    expect(plugins).toBeLessThan(1_000);
  });

  it('with a hundred thousand endpoints is read in a moment', () => {
    const endpoints = Array.from({ length: 100_000 }, (_, i) => ({
      name: 'x',
      subject: `plugin.echo.invoke.c${i}`,
    }));
    const startedAt = performance.now();
    expect(decodeDescriptor({ ...info, endpoints })?.capabilities).toHaveLength(100_000);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

function assertPossible(read: Descriptor): void {
  expect(pluginIdProblem(read.id)).toBeUndefined();
  for (const text of [read.version, read.name, read.description, read.author])
    expect(text).toBeTypeOf('string');
  const ids = read.capabilities.map(({ id }) => id);
  expect(ids.length).toBeGreaterThan(0);
  expect(new Set(ids).size).toBe(ids.length);
  for (const capability of read.capabilities) {
    expect(isCapabilityId(capability.id)).toBe(true);
    for (const text of [capability.name, capability.description]) expect(text).toBeTypeOf('string');
    for (const flag of [capability.stream, capability.upload, capability.idempotent]) {
      expect(flag).toBeTypeOf('boolean');
    }
    for (const schema of [capability.input_schema, capability.output_schema]) {
      expect(schema).toSatisfy(
        (value: unknown) =>
          typeof value === 'boolean' ||
          (typeof value === 'object' && value !== null && !Array.isArray(value)),
      );
    }
    for (const error of Object.values(capability.errors ?? {})) {
      expect(declaredErrorNumbers).toContain(error.number);
      expect([typeof error.retryable, typeof error.description]).toEqual(['boolean', 'string']);
    }
  }
}
