import { row } from './row.ts';
import type { Row } from './row.ts';

const format = (name: string, takes: string[], refuses: string[]): Row =>
  row(
    `the format ${name}`,
    { format: name },
    [...takes.map((one) => JSON.stringify(one)), '12', 'null'],
    refuses.map((one) => JSON.stringify(one)),
  );

export const formats: Row[] = [
  format('date', ['2024-02-29', '2026-12-31'], ['2026-02-29', '2026-13-01', '2026-1-1', '']),
  format(
    'date-time',
    ['2026-01-01T00:00:00Z', '2026-01-01t00:00:00.5z', '2026-01-01T23:59:60Z', '2026-01-01T00:00:00+05:30'],
    ['2026-01-01T00:00:00', '2026-01-01T24:00:00Z', '2026-01-01T12:00:60Z', '2026-01-01'],
  ),
  format('time', ['10:00:00Z', '10:00:00.123+01:00'], ['10:00', '10:00:00', '25:00:00Z']),
  format('duration', ['P1D', 'PT1H30M', 'P4W'], ['P', 'PT', '1D', 'P1D1W']),
  format(
    'uri',
    ['https://example.org/a?b#c', 'urn:a:b', 'mailto:a@b.example'],
    ['/a', '//a', 'a b', 'http://ä.example/'],
  ),
  format('uri-reference', ['/a', '#a', '', 'a/b'], ['a b', 'ä']),
  format('uri-template', ['/a/{b}', '/{?a,b*}'], ['/{a', '/a b']),
  format('email', ['a@b.example', 'a.b+c@d.example'], ['a', '@b.example', 'a@', 'a b@c.example']),
  format('hostname', ['example.org', 'a-b'], ['-a', 'a_b', 'a..b']),
  format('ipv4', ['127.0.0.1'], ['256.0.0.1', '1.2.3', '01.2.3.4']),
  format('ipv6', ['::1', '2001:db8::8:800:200c:417a', '::ffff:1.2.3.4'], ['1', ':::', '12345::', '::1%eth0']),
  format('uuid', ['2eb8aa08-aa98-11ea-b4aa-73b441d16380'], ['2eb8aa08aa9811eab4aa73b441d16380', '']),
  format('json-pointer', ['', '/a/~0~1'], ['a', '/~', '/~2']),
  format('relative-json-pointer', ['0', '1/a', '2#'], ['/a', '-1', '01']),
  format('regex', ['^a$', '\\p{L}', ''], ['(', '[a', '*']),
];
