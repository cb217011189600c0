/**
 * A plugin without the SDK that answers with more than anybody takes. `node flooder.ts <port> <user> <password> <id>`
 * says "ready" when it can be invoked: `stream` is answered with chunks that wait for no credit, `plain` with as many replies, and
 * `echo` as it should be.
 */
import { connect } from 'node:net';

const [port, user, pass, id] = process.argv.slice(2);
const answers = 300;
const body = Buffer.from(JSON.stringify('x'.repeat(840_000)));

const socket = connect(Number(port), '127.0.0.1');
const options = { verbose: false, pedantic: false, lang: 'raw', version: '1', headers: true };
socket.write(`CONNECT ${JSON.stringify({ ...options, user, pass })}\r\n`);
socket.write(`SUB plugin.${id}.invoke.> q 1\r\nPING\r\n`);
socket.on('close', () => process.exit(1));

let text = '';
socket.on('data', (piece) => {
  text += piece.toString('latin1');
  for (;;) {
    const lineEnd = text.indexOf('\r\n');
    if (lineEnd < 0) return;
    const [verb, ...args] = text.slice(0, lineEnd).split(' ');
    let end = lineEnd + 2;
    if (verb === 'HMSG') {
      const [subject = '', , reply = '', headSize, size] = args;
      if (text.length < end + Number(size) + 2) return;
      answer(subject, reply, Buffer.from(text.slice(end + Number(headSize), end + Number(size)), 'latin1'));
      end += Number(size) + 2;
    } else if (verb === 'PING') socket.write('PONG\r\n');
    else if (verb === 'PONG') console.log('ready');
    text = text.slice(end);
  }
});

function answer(subject: string, reply: string, given: Buffer): void {
  if (subject.endsWith('.echo')) return publish(reply, given);
  for (let seq = 0; seq < answers; seq += 1)
    publish(reply, body, subject.endsWith('.stream') ? `Bkg-Seq: ${seq}\r\n` : '');
}

function publish(subject: string, data: Buffer, headers = ''): void {
  const head = `NATS/1.0\r\n${headers}\r\n`;
  socket.write(`HPUB ${subject} ${head.length} ${head.length + data.length}\r\n${head}`);
  socket.write(data);
  socket.write('\r\n');
}
