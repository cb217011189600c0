import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import { chance, pick, utf8, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { makeJson, mutateJson } from './json.ts';

/** Ids of plugins that are there, that are not, and that are none. */
const pluginNames: readonly Bytes[] = [
  ...[
    'target',
    'target',
    'target',
    'target',
    'spare',
    'spare',
    'steady',
    'apikeys',
    'candle',
    'ghost',
    'sdk',
    'bkg',
    'bkgx',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'TARGET',
    'target ',
    'target.echo',
    'a'.repeat(63),
  ],
  ...[
    '',
    '.',
    '..',
    '%2e%2e',
    '%00',
    '%ff',
    '%C3%28',
    '%',
    '%zz',
    '*',
    '>',
    '$SRV',
    '%2f',
    '%5c',
    'a'.repeat(64),
  ],
  ...[
    '%0d%0aX-Injected:%201',
    '{"a":1}',
    'a'.repeat(5_000),
    utf8('ä'),
    utf8('🦊'),
    '\xff\xfe',
    'target%20',
    '%74arget',
  ],
];
const capabilityNames: readonly Bytes[] = [
  ...[
    'echo',
    'echo',
    'strict.say',
    'strict.say',
    'wait',
    'fail',
    'count',
    'bytes',
    'take',
    'rows',
    'strict_say',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'echo.',
    '.echo',
    'echo..x',
    'ECHO',
    '',
    '*',
    '>',
    'a'.repeat(64),
    'a'.repeat(65),
  ],
  ...['a.'.repeat(2_000), '%00', '%ff', '%2e', utf8('ä'), 'echo%20', 'echo%2Fecho', 'strict%2Esay'],
];
const others: readonly Bytes[] = [
  ...[
    '0123456789abcdef0123456789abcdef',
    'Kabcdefghi',
    'admin',
    'viewer',
    'fuzzed',
    '__proto__',
    'constructor',
    'x',
  ],
  ...['', '*', '..', '%00', '%ff', '%', 'a'.repeat(129), 'a'.repeat(9_000), utf8('ä'), '%0d%0a', '1', '-1'],
];

/** A path of the route: something in the place of each parameter. */
export function makePath(route: string, random: Random): Bytes {
  return route.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    if (name === 'id') return chance(random, 0.6) ? 'target' : pick(random, pluginNames);
    return pick(random, name === 'capability' ? capabilityNames : others);
  });
}

const queryNames = [
  'lines',
  'level',
  'since',
  'wait',
  'before',
  'most',
  'who',
  'action',
  '__proto__',
  'a[b]',
  'access_token',
];
const queryValues: readonly Bytes[] = [
  ...[
    '',
    '1',
    '0',
    '-1',
    '10001',
    '1e3',
    'NaN',
    'true',
    'false',
    'info',
    'debug',
    'nonsense',
    '15m',
    '99999999999999d',
  ],
  ...[
    '2026-11-24T08:00:00.000Z',
    '9999-99-99T99:99:99Z',
    '%00',
    '%ff',
    '%',
    'control.',
    '*',
    'x'.repeat(3_000),
    utf8('ä'),
    '[]',
  ],
];

export function makeQuery(random: Random): Bytes {
  const pairs = Array.from({ length: between(random, 0, 4) }, () => {
    const name = pick(random, queryNames);
    return chance(random, 0.9) ? `${name}=${pick(random, queryValues)}` : name;
  });
  return `?${pairs.join('&')}`;
}

/** What the capabilities and orders take, from which others are made. */
const samples: Record<string, readonly Bytes[]> = {
  echo: ['{"a":[1,2,{"b":null}]}', '"text"', '{}', '1', '[]'],
  'strict.say': ['{"text":"hi"}', '{"text":"hi","times":3,"list":["a",1],"names":{"x":true}}'],
  wait: ['{"ms":1}', '{"ms":20}', '{"ms":300}'],
  fail: ['{}'],
  count: ['{"to":3}', '{"to":100}', '{"to":0}'],
  bytes: ['{"pieces":2}', '{"pieces":20}'],
  take: ['\x89PNG\r\n\x1a\n', 'x'.repeat(70_000), ''],
  rows: ['[1,2,3]', '[]', `[${'"row",'.repeat(3_000)}1]`],
  invoke: [
    '{"capability":"echo","payload":{"a":1}}',
    '{"capability":"strict.say","payload":{"text":"x"}}',
    '{"capability":"echo"}',
  ],
  start: ['{"wait":false}', '{"wait":false,"by":"me","why":"so"}'],
  swap: ['{"version":"2.0.0","wait":false}', '{"version":"1.0.0","force":true,"wait":false}'],
  scale: ['{"replicas":99,"wait":false}', '{"replicas":1,"wait":false}'],
  rollback: ['{"wait":false}', '{"to":1,"wait":false}', '{"to":999,"force":true,"wait":false}'],
  config: [
    '{"revision":0,"settings":{"level":1},"wait":false}',
    '{"revision":1,"limits":{"max_queue":10,"capabilities":{"echo":{"rate_per_second":1000000}}},"wait":false}',
    '{"revision":1,"env":{"NODE_OPTIONS":"-r x"},"sandbox":"strict","wait":false}',
  ],
  keys: [
    '{"name":"x","scopes":["read"],"expires_at":"2020-01-01T00:00:00.000Z"}',
    '{"name":"x","scopes":["nonsense:*"]}',
    '{"revision":1,"name":"y"}',
  ],
  rotate: ['{"grace_secs":0}'],
  roles: ['{"scopes":["read:target"],"description":"d"}', '{"scopes":["x"]}'],
  session: [
    `{"key":"bkg_Kabcdefghi_${'2'.repeat(52)}"}`,
    '{"key":"{key}"}',
    '{"ticket":"x"}',
    '{"key":"{key}","ticket":"x"}',
  ],
};

export function makeBody(path: Bytes, random: Random): Bytes {
  const name =
    path
      .split('?')[0]
      ?.split('/')
      .findLast((part) => Object.hasOwn(samples, part)) ?? 'echo';
  const some = samples[name] ?? [];
  return weighted<() => Bytes>(random, [
    [5, () => pick(random, some)],
    [4, () => mutateJson(pick(random, some), random)],
    [2, () => makeJson(random)],
    // Around what one message takes.
    [0.05, () => `"${'x'.repeat(between(random, 900_000, 1_100_000))}"`],
  ])();
}
