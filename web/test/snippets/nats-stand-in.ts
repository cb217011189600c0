/**
 * Stands in for the `nats` command where a test runs a copied text: the options of `nats request` that such a text uses, with
 * what the command does with them, and no others. It shows that the text is a request that the broker and the plugin take,
 * and that a shell reads it as it was meant; it does not show that the command itself does.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'inbox-prefix': { type: 'string' },
    timeout: { type: 'string' },
    raw: { type: 'boolean' },
    'no-templates': { type: 'boolean' },
    header: { type: 'string', short: 'H', multiple: true },
    replies: { type: 'string' },
    'reply-timeout': { type: 'string' },
    translate: { type: 'string' },
    'force-stdin': { type: 'boolean' },
  },
});
const [verb, subject, argument, ...more] = positionals;
if (verb !== 'request' || !subject || more.length > 0) throw new Error(`No: ${process.argv.join(' ')}`);
if ((argument === undefined) !== (values['force-stdin'] === true)) throw new Error('One body, please.');
const body = argument === undefined ? await buffer(process.stdin) : Buffer.from(argument);
if (!values['no-templates'] && body.includes('{{')) throw new Error('The body holds a template.');

const url = new URL(process.env.NATS_URL ?? '');
const socket = connect(Number(url.port), url.hostname);
const inbox = `${values['inbox-prefix'] ?? '_INBOX'}.${randomBytes(11).toString('hex')}`;
const headers = Buffer.from(
  `NATS/1.0\r\n${(values.header ?? []).map((line) => `${line.replace(':', ': ')}\r\n`).join('')}\r\n`,
);
const { NATS_USER: user, NATS_PASSWORD: pass } = process.env;
socket.write(
  `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, headers: true, no_responders: true, user, pass })}\r\n` +
    `SUB ${inbox} 1\r\nHPUB ${subject} ${inbox} ${headers.length} ${headers.length + body.length}\r\n`,
);
socket.write(Buffer.concat([headers, body, Buffer.from('\r\nPING\r\n')]));

const repliesMost = Number(values.replies ?? 1);
const secondsOf = (given: string | undefined) => Number.parseFloat(given ?? '5') * 1_000;
let timer = setTimeout(() => process.exit(1), secondsOf(values.timeout));
let replies = 0;
let rest = Buffer.alloc(0);
reading: for await (const data of socket as AsyncIterable<Buffer>) {
  rest = Buffer.concat([rest, data]);
  for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
    const [op = '', ...words] = rest.subarray(0, end).toString().split(' ');
    if (op === '-ERR') throw new Error(words.join(' '));
    if (op === 'PING') socket.write('PONG\r\n');
    const isMessage = op === 'MSG' || op === 'HMSG';
    const total = isMessage ? Number(words.at(-1)) : 0;
    const from = end + 2;
    if (isMessage && rest.length < from + total + 2) break;
    const head = op === 'HMSG' ? Number(words.at(-2)) : 0;
    if (isMessage) take(rest.subarray(from + head, from + total), rest.subarray(from, from + head));
    rest = rest.subarray(isMessage ? from + total + 2 : from);
    // Leaving the loop closes the socket; process.exit() would lose what the pipe has not taken yet.
    if (replies === repliesMost) break reading;
  }
}
clearTimeout(timer);

function take(message: Buffer, head: Buffer): void {
  if (!values.raw) log(head);
  const [command, ...args] = (values.translate ?? '')
    .split(' ')
    .map((word) => word.replace(/^'(.*)'$/, '$1'));
  const shown = command ? spawnSync(command, args, { input: message }).stdout : message;
  process.stdout.write(Buffer.concat([shown, Buffer.from('\n')]));
  replies += 1;
  clearTimeout(timer);
  timer = setTimeout(() => socket.end(), secondsOf(values['reply-timeout']));
}

/** On standard error, as the command has it: a time before each line, and the headers without their first line. */
function log(head: Buffer): void {
  const lines = head.toString().split('\r\n').slice(1).filter(Boolean);
  for (const line of ['Received with rtt 1ms', ...lines]) process.stderr.write(`12:00:00 ${line}\n`);
}
