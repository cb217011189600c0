/** The types and frames of PROTOCOL.md are those of the schemas, which are those of the code (schemas.test.ts). */
import { describe, expect, it } from 'vitest';
import {
  heartbeatDefaultMs,
  heartbeatLeastMs,
  heartbeatMostMs,
  instanceEndings,
} from '../../src/protocol/event.ts';
import { logLevels, logLinesDefault, logLinesMost, parseSince } from '../../src/protocol/log-record.ts';
import { configDefaults, enforcementStrengths, endVerdicts, sandboxes } from '../../src/protocol/plugin.ts';
import { configWhyMostLength, orderByMostLength } from '../../src/protocol/requests.ts';
import { contractRules, rolloutStates, rolloutSteps, rolloutVerbs } from '../../src/protocol/rollout.ts';
import { wireSchemas } from '../../src/protocol/schemas/index.ts';
import type { WireName } from '../../src/protocol/schemas/index.ts';
import { frameIdMostLength, topics } from '../../src/protocol/socket.ts';
import { latencyBound, latencyBucketCount } from '../../src/protocol/telemetry.ts';
import { codesIn, codeSpans, document, membersOf, notations, section, table } from './document.ts';

const sorted = (texts: Iterable<string>): string[] => [...texts].sort();
/** The members of one of the types, with their marks. */
const schemaMembers = (name: WireName) => membersOf(wireSchemas[name]);
/** The objects that are written in one cell. */
const inCell = (heading: string, column: string, row: string, cell: string) =>
  notations(table(heading, column).find((one) => one[column] === row)?.[cell] ?? '');

const configureBodies = inCell(
  'Subjects',
  'subject',
  '`plugin.<id>.ctl.<instance>.configure`',
  'body → reply',
);

describe('the tables of types in PROTOCOL.md', () => {
  const headings = [...document.matchAll(/^### (\w+)$/gm)].map(([, heading]) => heading!);
  const typed = headings.filter((heading): heading is WireName => heading in wireSchemas);

  it('are of all types that have one', () => {
    const own = [
      'ApiKey',
      'AuditEvent',
      'AuditList',
      'AuditQuery',
      'ConfigChange',
      'ConfigHistory',
      'ConfigRevision',
      'ContractReport',
      'ControlOptions',
      'Heartbeat',
      'InstanceEnd',
      'Isolation',
      'KeyChange',
      'KeyEvent',
      'KeyOrder',
      'LogQuery',
      'LogRecord',
      'NewKey',
      'PluginCapability',
      'PluginConfig',
      'PluginInfo',
      'PluginTelemetry',
      'Principal',
      'Problem',
      'Restarts',
      'Role',
      'RoleOrder',
      'RollbackOrder',
      'Rollout',
      'RotateOrder',
      'ScaleOrder',
      'SignIn',
      'StatusEvent',
      'SwapOrder',
      'Ticket',
    ];
    expect(sorted(typed)).toEqual(own);
  });

  it.each(typed)('have the members of the schema, and mark what may be absent: %s', (name) => {
    const told = codesIn(table(name, 'member'), 'member');
    // Of a problem it is said in words.
    const marked = told.map((member) => (name === 'Problem' && member === 'errors' ? `${member}?` : member));
    // A configuration has a line for each leaf.
    const { names } = membersOf(wireSchemas[name], name === 'PluginConfig');
    expect(sorted(marked)).toEqual(sorted(names));
  });

  it.each<[WireName, ReturnType<typeof notations>]>([
    ['PayloadError', inCell('Problem', 'member', '`errors`', 'value')],
    ['DeclaredError', inCell('PluginCapability', 'member', '`errors?`', 'value')],
    ['DeclaredError', inCell('Discovery', 'key', '`bkg.errors`', 'value')],
    ['PluginInstance', inCell('PluginInfo', 'member', '`instances`', 'value')],
    ['Lease', inCell('Desired state and control', 'bucket', '`bkg_lease`', 'value')],
    ['InvokeEnvelope', inCell('Subjects', 'subject', '`plugin.<id>.invoke`', 'body → reply')],
    ['InvokeEnvelope', inCell('HTTP and WebSocket', 'route', '`POST /api/plugins/:id/invoke`', 'answer')],
    ['Cancel', inCell('Subjects', 'subject', '`plugin.<id>.cancel`', 'body → reply')],
    ['InflightQuery', inCell('Subjects', 'subject', '`plugin.<id>.inflight`', 'body → reply').slice(0, 1)],
    ['InflightReply', inCell('Subjects', 'subject', '`plugin.<id>.inflight`', 'body → reply').slice(1)],
    ['LogReply', inCell('Subjects', 'subject', '`plugin.<id>.logs`', 'body → reply')],
    ['Acknowledgement', inCell('Subjects', 'subject', '`plugin.<id>.ctl.<instance>.drain`', 'body → reply')],
    ['Acknowledgement', inCell('Subjects', 'subject', '`plugin.<id>.ctl.<instance>.admit`', 'body → reply')],
    ['HeartbeatOrder', configureBodies.slice(0, 1)],
    ['Acknowledgement', configureBodies.slice(1)],
    ['Acknowledgement', inCell('Subjects', 'subject', '`bkg.control.shutdown`', 'body → reply')],
    ['HistoryQuery', inCell('Subjects', 'subject', '`bkg.registry.history.<id>`', 'body → reply')],
    ['RolloutInstance', inCell('Rollout', 'member', '`instances`', 'value')],
    ['RolloutInvocations', inCell('Rollout', 'member', '`invocations`', 'value')],
    ['ContractBreak', inCell('ContractReport', 'member', '`breaks`', 'value')],
    ['ContractChange', inCell('ContractReport', 'member', '`unknown`', 'value')],
  ])('say in a cell what is in a %s', (name, told) => {
    expect(told.map(({ names }) => sorted(names))).toEqual([sorted(schemaMembers(name).names)]);
  });

  it.each([
    ['PING', 'PingResponse'],
    ['INFO', 'InfoResponse'],
    ['STATS', 'StatsResponse'],
  ] as const)('have what ADR-32 wants of %s', (verb, name) => {
    const row = table('Discovery', 'verb').find((one) => one['verb'] === `\`${verb}\``);
    const besides = (row?.['besides'] ?? '').replaceAll(/\[?\{[^}]*\}\]?/g, '');
    const common = ['type', 'name', 'id', 'version', 'metadata'];
    expect(section('Discovery')).toContain(
      'have `type`, `name` (the plugin id), `id` (the instance id), `version` and `metadata`',
    );
    expect(sorted([...common, ...codeSpans(besides)])).toEqual(sorted(schemaMembers(name).names));
    expect(codeSpans(row?.['`type`'] ?? '')).toEqual([schemaMembers(name).values['type']]);
    const { endpoints } = wireSchemas[name]['properties'] as { endpoints?: { items: object } };
    const { names = [] } = endpoints ? membersOf(endpoints.items) : {};
    // `data` is no member of ours.
    const required = names.filter((one) => one !== 'data?');
    expect(notations(row?.['besides'] ?? '').flatMap((one) => one.names)).toEqual(required);
  });
});

describe('the frames in PROTOCOL.md', () => {
  const frames = (heading: string, column: string) =>
    table(heading, column).flatMap((row) => notations(row[column] ?? ''));
  const refs = (schema: object): WireName[] =>
    (schema as { oneOf: { $ref: string }[] }).oneOf.map(
      ({ $ref }) => $ref.slice('#/$defs/'.length) as WireName,
    );
  const told = (heading: string, column: string) =>
    frames(heading, column).map(({ names, values }) => ({ names: sorted(names), values }));

  it.each([
    ['the client sends', 'ClientFrame'],
    ['the gateway sends', 'GatewayFrame'],
  ] as const)('of /ws are those of the schemas: what %s', (column, name) => {
    const schemas = refs(wireSchemas[name]).map((one) => {
      const { names, values } = schemaMembers(one);
      return { names: sorted(names), values };
    });
    const protocol = column === 'the gateway sends' ? { protocol: '1' } : {};
    const expected = schemas.map((one) =>
      one.values['type'] === 'hello' ? { ...one, values: { ...one.values, ...protocol } } : one,
    );
    expect(told('One socket for everything', column)).toEqual(expected);
  });

  it('of /ws are of the topics of the code, and ids as long as it takes', () => {
    expect(codesIn(table('One socket for everything', 'topic'), 'topic')).toEqual([...topics]);
    expect(section('One socket for everything')).toContain(
      `an \`id\` of its choice, 1 to ${frameIdMostLength}\ncharacters`,
    );
  });

  it('of one plugin are those of the schemas', () => {
    const schemas = (wireSchemas.FeedFrame as unknown as { oneOf: { allOf?: { $ref: string }[] }[] }).oneOf;
    const expected = schemas.map((one) => ({
      ...membersOf(one),
      whole: (one.allOf ?? []).map(({ $ref }) => $ref.slice('#/$defs/'.length)),
    }));
    const found = frames('A socket for one plugin', 'frame').map((one) => ({ ...one, names: one.names }));
    expect(found).toEqual(expected);
  });
});

describe('the types in PROTOCOL.md', () => {
  it('have the defaults of a configuration, number by number', () => {
    const told = table('PluginConfig', 'member').map((row) => [
      codeSpans(row['member'] ?? '')[0],
      row['default'] === '' ? undefined : (JSON.parse(codeSpans(row['default'] ?? '')[0] ?? '') as unknown),
    ]);
    expect(Object.fromEntries(told)).toEqual({ id: undefined, ...flat(configDefaults) });
  });

  it('have the bounds of a configuration', () => {
    const cell = (member: string) =>
      table('PluginConfig', 'member').find((row) => row['member'] === `\`${member}\``)?.['value'] ?? '';
    const patch = wireSchemas.ConfigPatch as unknown as Properties;
    const { replicas, resources, limits } = patch.properties;
    const range = (schema: object) =>
      new RegExp(`\\b${boundsOf(schema).minimum} to ${boundsOf(schema).maximum}\\b`);
    expect(cell('replicas')).toMatch(range(replicas!));
    expect(cell('limits.max_concurrency')).toMatch(range(limits!.properties['max_concurrency']!));
    expect(cell('limits.max_queue')).toMatch(range(limits!.properties['max_queue']!));
    for (const name of ['max_memory_mb', 'max_cpu_percent', 'max_processes'])
      expect(cell(`resources.${name}`)).toMatch(range(resources!.properties[name]!));
    const { exclusiveMinimum, maximum } = boundsOf(resources!.properties['timeout_secs']!);
    expect(cell('resources.timeout_secs')).toMatch(
      new RegExp(`above ${exclusiveMinimum} and at most ${maximum}\\b`),
    );
  });

  it.each(['ConfigChange', 'ControlOptions'])('have the lengths of a reason and of a name: %s', (name) => {
    const cell = (member: string) =>
      table(name, 'member').find((one) => one['member'] === `\`${member}\``)?.['value'];
    expect(cell('why?')).toContain(`at most ${configWhyMostLength} characters`);
    expect(cell('by?')).toContain(`at most ${orderByMostLength} characters`);
  });

  it('have the words of a rollout, and the rules of a contract', () => {
    const words = (member: string) =>
      codesIn(
        table('Rollout', 'member').filter((one) => one['member'] === `\`${member}\``),
        'value',
      );
    expect(words('verb')).toEqual([...rolloutVerbs]);
    expect(words('state')).toEqual([...rolloutStates]);
    expect(words('step?')).toEqual([...rolloutSteps]);
    expect(codesIn(table('Contract', 'rule'), 'rule')).toEqual([...contractRules]);
  });

  it('have the words of a sandbox, of a limit and of an end', () => {
    const words = (heading: string, member: string) =>
      codesIn(
        table(heading, 'member').filter((one) => one['member'] === `\`${member}\``),
        'value',
      );
    const { memory } = wireSchemas.Isolation['properties'] as { memory: object };
    const strengths = codeSpans(section('Isolation')).slice(1, 1 + enforcementStrengths.length);
    expect(words('PluginConfig', 'sandbox')).toEqual([...sandboxes]);
    expect(words('StatusEvent', 'ended?')).toEqual([...instanceEndings]);
    expect(words('InstanceEnd', 'verdict').filter((word) => word !== 'error')).toEqual([...endVerdicts]);
    expect(strengths).toEqual([...enforcementStrengths]);
    expect(notations(section('Isolation')).map(({ names }) => names)).toEqual([membersOf(memory).names]);
    const { others } = wireSchemas.StatusEvent['properties'] as { others: { items: object } };
    const [other] = inCell('StatusEvent', 'member', '`others?`', 'value');
    expect(other?.names).toEqual(membersOf(others.items).names);
  });

  it('have the numbers of a heartbeat', () => {
    const between = `${heartbeatLeastMs} to ${heartbeatMostMs}`;
    const [variable] = table('Launch', 'variable').filter((one) => one['variable'] === '`BKG_HEARTBEAT_MS`');
    const [member] = table('Heartbeat', 'member').filter((one) => one['member'] === '`every_ms?`');
    expect(variable?.['value']).toMatch(new RegExp(`${between}\\. Default ${heartbeatDefaultMs}$`));
    expect(member?.['value']).toContain(`Absent: ${heartbeatDefaultMs},`);
    expect(section('Another configuration')).toContain(`milliseconds from ${between};`);
  });

  it('have the bounds of an order to scale', () => {
    const { replicas } = wireSchemas.ScaleOrder['properties'] as { replicas: object };
    const { minimum, maximum } = boundsOf(replicas);
    const row = table('ScaleOrder', 'member').find((one) => one['member'] === '`replicas`');
    expect(row?.['value']).toMatch(new RegExp(`\\b${minimum} to ${maximum}\\b`));
  });

  it('have the levels and numbers of a log query', () => {
    const cell = (member: string) =>
      table('LogQuery', 'member').find((row) => row['member'] === `\`${member}\``)?.['value'] ?? '';
    expect(codeSpans(cell('level?'))).toEqual([...logLevels]);
    expect(cell('lines?')).toMatch(new RegExp(`1 to ${logLinesMost}\\. Default ${logLinesDefault}$`));
    const spans = codeSpans(cell('since?'));
    expect(spans.map((span) => parseSince(span, 0))).toEqual([-90_000, -900_000, -7_200_000, -86_400_000]);
  });

  it('have the percentiles of the schema', () => {
    const { latency_ms } = wireSchemas.PluginTelemetry['properties'] as { latency_ms: object };
    const [told] = inCell('PluginTelemetry', 'member', '`latency_ms`', 'value');
    expect(told?.names).toEqual(membersOf(latency_ms).names);
  });

  it('have the latency buckets of the code', () => {
    const [row] = table('PluginTelemetry', 'member').filter((one) => one['member'] === '`latency_buckets`');
    expect(row?.['value']).toContain(`at most ${latencyBound(0)} ms · 2^(i/2)`);
    expect(row?.['value']).toContain(`i is 0 to ${latencyBucketCount - 1}`);
    expect(latencyBound(7)).toBeCloseTo(0.1 * 2 ** 3.5);
  });
});

interface Properties {
  properties: Record<string, Properties>;
}

/** The bounds that a schema of a number has. */
function boundsOf(schema: object) {
  return schema as { minimum?: number; maximum?: number; exclusiveMinimum?: number };
}

/** The leaves of an object by their paths; an empty object is one. */
function flat(value: object, before = ''): Record<string, unknown> {
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, one]: [string, unknown]) =>
      typeof one === 'object' && one !== null && Object.keys(one).length > 0
        ? flat(one, `${before}${key}.`)
        : { [before + key]: one },
    ),
  ) as Record<string, unknown>;
}
