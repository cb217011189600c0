import { between } from '../../chaos/random.ts';
import type { Random } from '../../chaos/random.ts';
import { chance, mutateBytes, pick, utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';

const numbers: readonly Bytes[] = [
  '0',
  '1',
  '2',
  '32',
  '1024',
  '1025',
  '-1',
  '1.5',
  '1e3',
  '',
  ' 1',
  '999999999',
  '1000000000',
  'x',
  '0x1',
  '9007199254740993',
  '٣'.normalize(),
].map(utf8);
const ids: readonly Bytes[] = [
  'a',
  '0123456789abcdef',
  '__proto__',
  'a b',
  '',
  'x'.repeat(129),
  'a.b',
  '*',
  utf8('ä'),
];

const values: Record<string, readonly Bytes[]> = {
  'Bkg-Invocation-Id': ids,
  'Bkg-Timeout-Ms': ['100', '50', ...numbers],
  'Bkg-Stream': numbers,
  'Bkg-Upload': ['-', '10', ...numbers],
  'Bkg-Flow': [
    '_INBOX.nobody',
    'plugin.target.invoke.echo',
    'plugin.target.ctl.{instance}.drain',
    '_INBOX.*',
    '_INBOX.a b',
    '_INBOX.',
    '>',
    '',
  ],
  'Bkg-Seq': numbers,
  'Bkg-End': numbers,
  'Bkg-Instance': ids,
  'Bkg-From': ['1.2.3.4', 'x'.repeat(1_000)],
  'Bkg-Admin': ['1', '0'],
  'Content-Type': [
    'application/json',
    'text/plain',
    'image/png',
    '',
    '\xff',
    'application/problem+json',
    'x'.repeat(5_000),
  ],
  'Nats-Service-Error': ['INTERNAL: x', 'BUSY: x', '', '\xff'],
  'Nats-Service-Error-Code': ['500', '429', '200', 'x', '', '-1', '1e3', '99999999999'],
  'Retry-After': numbers,
  traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x', 'x'.repeat(2_000)],
  tracestate: ['a=b', '\xff', 'x'.repeat(2_000)],
};
const names = Object.keys(values);
/** No headers, or not of the kind that anybody reads. */
const broken: readonly Bytes[] = [
  '\r\n',
  ' 503\r\n\r\n',
  ' 503 No Responders\r\n\r\n',
  ' 99999 x\r\n\r\n',
  '\r\nno colon\r\n\r\n',
  '\r\n: nothing\r\n\r\n',
  '\r\nBkg-Timeout-Ms\r\n\r\n',
  '\r\n a: folded\r\n\r\n',
  '\r\n__proto__: x\r\n\r\n',
  '\r\nconstructor: x\r\ntoString: y\r\n\r\n',
  '\r\na\0b: \xff\xfe\r\n\r\n',
  '\r\n\xc3\xa4: x\r\n\r\n',
  '\r\nx: y',
  '\n\n',
  '',
];

/** What comes after `NATS/1.0`: names, mostly known ones, and what they seldom are. */
export function makeNatsHeaders(random: Random): Bytes {
  if (chance(random, 0.08)) return pick(random, broken);
  const lines = Array.from({ length: between(random, 0, 4) }, () => {
    const name = pick(random, names);
    const value = pick(random, values[name] ?? []);
    return `${chance(random, 0.93) ? name : name.toLowerCase()}: ${chance(random, 0.9) ? value : mutateBytes(value, random)}\r\n`;
  });
  const block = `\r\n${lines.join('')}\r\n`;
  return chance(random, 0.95) ? block : mutateBytes(block, random);
}
