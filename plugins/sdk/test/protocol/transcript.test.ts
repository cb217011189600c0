import { once } from 'node:events';
import { connect } from 'node:net';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { Instance } from '../../src/instance.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { fences } from './document.ts';

const echo = definePlugin({
  id: 'echo',
  version: '1.0.0',
  description: 'Says it again.',
  capabilities: {
    'text.say': capability({
      description: 'Says the text again.',
      input: Type.Object({ text: Type.String() }),
      output: Type.Object({ text: Type.String() }),
      handler: ({ text }) => ({ text }),
    }),
  },
});

let server: TestServer;
let instance: Instance;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  instance = new Instance(echo, { connection: await server.connect('echo'), log: silentLogger });
  await instance.start();
});
afterAll(async () => {
  await instance.drain(0);
  await server.stop();
});

describe('the transcript in PROTOCOL.md', () => {
  it('is what goes over the socket, byte by byte', async () => {
    const [transcript = ''] = fences('transcript');
    const lines = transcript.split('\n').filter((line) => line !== '');
    expect(lines.every((line) => /^[CS]( |$)/.test(line))).toBe(true);
    const { user, password } = server.credentials;
    const socket = connect(server.port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await once(socket, 'connect');
    let expected = '';
    for (const line of lines) {
      const text = line.slice(2);
      if (line.startsWith('C')) {
        socket.write(`${text.replace('"user":"…","pass":"…"', `"user":"${user}","pass":"${password}"`)}\r\n`);
        continue;
      }
      if (text.startsWith('INFO ')) {
        // It differs from server to server; what matters of it is told.
        await eventually(() => received.endsWith('\r\n'));
        expect(JSON.parse(received.slice('INFO '.length))).toMatchObject({
          headers: true,
          auth_required: true,
        });
        received = '';
        continue;
      }
      expected += `${text}\r\n`;
      await eventually(() => received.length >= expected.length);
      expect(received.slice(0, expected.length)).toBe(expected);
    }
    expect(received).toBe(expected);
    socket.destroy();
  });
});
