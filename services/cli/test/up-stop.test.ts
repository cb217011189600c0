import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { partTimeMs } from '../src/up/stop-mesh.ts';
import { defaultTimings } from '../src/up/up.ts';
import { testHome } from './test-home.ts';

/** A request of which the rest never comes. */
async function halfRequest(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  // It is cut off at the end.
  socket.on('error', () => undefined);
  const head = [
    'POST /api/plugins/candle/invoke/model.infer HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    'Content-Length: 100',
    // Answered when the gateway has taken the request up.
    'Expect: 100-continue',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n{`);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  await eventually(() => answer.startsWith('HTTP/1.1 100'));
  return socket;
}

it('lets the gateway end by itself what still runs, which takes it five seconds', async () => {
  await using home = await testHome();
  const up = await home.runningMesh();
  const socket = await halfRequest(home.port);
  expect(await up.stop(), up.output).toBe(0);
  expect(up.output).toMatch(/✓ gateway +stopped \([56]\.\d s\)/);
  socket.destroy();
}, 30_000);

it('leaves something to each part, whatever those before it take', () => {
  const { totalMs, pluginsMs, partMs } = defaultTimings.stop;
  expect(partTimeMs(totalMs, 2, partMs)).toBe(partMs);
  expect(partTimeMs(totalMs - pluginsMs, 2, partMs)).toBe(1_000);
  expect(partTimeMs(500, 0, partMs)).toBe(500);
  expect(partTimeMs(-5_000, 1, partMs)).toBe(300);
});
