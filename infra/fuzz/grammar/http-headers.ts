import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import { chance, mutateBytes, pick, utf8, weighted } from './bytes.ts';
import type { Bytes } from './bytes.ts';

export type Header = readonly [name: Bytes, value: Bytes];

const types: readonly Bytes[] = [
  ...[
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
    'application/json;',
    'APPLICATION/JSON',
  ],
  ...[
    'text/plain',
    'application/octet-stream',
    'image/png',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
  ],
  ...[
    'application/problem+json',
    '*/*',
    '',
    'json',
    'a/b/c',
    'application/json, text/plain',
    '\xff/\xff',
    ';',
    `a/${'b'.repeat(5_000)}`,
  ],
];
const accepts = [
  'text/event-stream',
  'application/json',
  '*/*',
  '',
  'text/html;q=0.9,*/*;q=0',
  ';;;,,,',
  'text/event-stream;q=0',
  'x'.repeat(2_000),
];

/** What each header may be, and mostly is not. */
const values: Record<string, readonly Bytes[]> = {
  'Content-Type': types,
  Accept: accepts,
  'Content-Encoding': ['gzip', 'br', 'identity', 'deflate, gzip', 'x', ''],
  'Accept-Encoding': ['gzip', 'br;q=1', '*;q=0', 'identity;q=0'],
  'Bkg-Timeout-Ms': [
    '100',
    '1',
    '0',
    '-1',
    '1.5',
    '1e3',
    '999999999',
    '1000000000',
    'abc',
    '',
    ' 5 ',
    '0x10',
  ],
  'Bkg-Invocation-Id': [
    '0123456789abcdef',
    'twice',
    '__proto__',
    'a b',
    '',
    '*',
    'a'.repeat(128),
    'a'.repeat(129),
    'x.y',
    utf8('ä'),
  ],
  'Bkg-Stream': ['1', '0', '1025', '-1'],
  'Bkg-Upload': ['-', '10', '-1'],
  'Bkg-Flow': ['_INBOX.x', 'plugin.target.invoke.echo', '>'],
  'Bkg-From': ['1.2.3.4'],
  'Bkg-Admin': ['1'],
  traceparent: [
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0-0-0',
    'ff-x',
    '',
    'x'.repeat(600),
  ],
  tracestate: ['a=b', 'x'.repeat(600), '\xff', ''],
  Expect: ['100-continue', '200-ok', ''],
  Connection: ['close', 'keep-alive', 'upgrade', 'Transfer-Encoding, close', ''],
  Upgrade: ['websocket', 'h2c', 'x'],
  'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'short', ''],
  'Sec-WebSocket-Version': ['13', '8', '99999999999'],
  'Sec-WebSocket-Extensions': ['permessage-deflate', 'permessage-deflate; client_max_window_bits=99', ';;'],
  Origin: ['http://{host}', 'http://evil.example', 'null', ''],
  'Sec-Fetch-Site': ['same-origin', 'cross-site', 'none'],
  Cookie: [
    'bkg_session=x',
    'bkg_session=',
    '__Host-bkg_session=x; bkg_session=y',
    '; ; =',
    'a'.repeat(4_000),
    '__proto__=1',
    'bkg_session="\xff"',
  ],
  'If-None-Match': ['*', 'W/"x"', '"', 'x'.repeat(3_000)],
  Range: ['bytes=0-0', 'bytes=9-1', 'bytes=-1', 'x'],
  'X-Forwarded-For': ['1.2.3.4', 'x, y', '::1'],
  'X-HTTP-Method-Override': ['DELETE'],
  'Transfer-Encoding': ['chunked', 'gzip', ' chunked', 'xchunked', 'chunked, chunked'],
  'Content-Length': ['0', '5', '-1', '+5', '5, 5', '0x5', '99999999999999999999', ''],
  Host: ['{host}', 'evil.example', '', 'localhost', '{host}, {host}', '127.0.0.1:99999'],
  Authorization: [
    'Bearer {key}',
    'Bearer {narrow}',
    'Bearer',
    'Basic eDp5',
    'bearer {key}',
    'Bearer {key} x',
    'Bearer \xff',
  ],
  TE: ['trailers', 'x'],
  Trailer: ['Content-Length'],
};
const names = Object.keys(values);
/** No header at all, or two. */
const broken: readonly Header[] = [
  ['X', 'a\r\nX-Injected: 1'],
  ['X', 'a\nX-Injected: 1'],
  ['X', 'a\rX-Injected: 1'],
  ['X ', 'space'],
  ['', 'nothing'],
  [' folded', 'x'],
  ['X', '\0'],
  ['X\0', 'x'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['\xe4', 'x'],
  ['X', 'a'.repeat(17_000)],
];

const accessPath = /^\/api\/(?:keys|roles|audit|session)/;

/** Those that a request has to have, mostly as they have to be, and some more. */
export function makeHeaders(path: Bytes, hasBody: boolean, random: Random): Header[] {
  const headers: Header[] = [];
  if (chance(random, 0.98)) headers.push(['Host', '{host}']);
  const key = makeAuthorization(path, random);
  if (key !== undefined) headers.push(['Authorization', key]);
  if (hasBody && chance(random, 0.95))
    headers.push(['Content-Type', chance(random, 0.8) ? 'application/json' : pick(random, types)]);
  if (chance(random, 0.15)) headers.push(['Accept', pick(random, accepts)]);
  const more = chance(random, 0.35) ? between(random, 1, 3) : 0;
  for (let n = 0; n < more; n += 1) headers.push(otherHeader(random));
  if (chance(random, 0.01)) for (let n = 0; n < 120; n += 1) headers.push([`X-${n}`, 'x']);
  return headers;
}

/** `{admin}` is filled in only where it does no harm, whatever becomes of the path. */
function makeAuthorization(path: Bytes, random: Random): Bytes | undefined {
  if (accessPath.test(path) && chance(random, 0.8)) return 'Bearer {admin}';
  return weighted<Bytes | undefined>(random, [
    [40, 'Bearer {key}'],
    [2, 'Bearer {narrow}'],
    [1, undefined],
    [1, `Bearer bkg_K${'abcdefghi'}_${'2'.repeat(52)}`],
    [1, mutateBytes('Bearer {key}', random)],
  ]);
}

export function otherHeader(random: Random): Header {
  if (chance(random, 0.12)) return pick(random, broken);
  const name = pick(random, names);
  const value = pick(random, values[name] ?? []);
  return [
    chance(random, 0.9) ? name : name.toLowerCase(),
    chance(random, 0.85) ? value : mutateBytes(value, random),
  ];
}
