import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import { eventually } from '../../src/testing.ts';
import { limits, ReelMesh } from './mesh.ts';
import { UploadCall } from './upload-call.ts';

const mesh = new ReelMesh();

describe('when the broker goes away', () => {
  it('a stream that has begun ends at both ends, and new ones work when it is back', async () => {
    const { seen, reasons, instance } = await mesh.start();
    const stream = mesh.caller.requestStream(subjects.invokeCapability('reel', 'forever'), '{}', {
      plugin: 'reel',
      timeoutMs: 30_000,
      window: 4,
    });
    const sent = new UploadCall(mesh.caller, 'hash');
    await Promise.all([stream.first, sent.wanted()]);
    const reading = Array.fromAsync(stream);
    reading.catch(() => undefined);
    await mesh.server.kill();
    await expect(reading).rejects.toMatchObject({ code: 'PLUGIN_CRASHED' });
    await eventually(() => seen.includes('ended') && reasons.length === 2);
    expect(reasons).toMatchObject([{ code: 'PLUGIN_CRASHED' }, { code: 'PLUGIN_CRASHED' }]);
    await eventually(() => instance.telemetry().in_flight === 0);
    expect(instance.openFlows).toBe(0);
    await mesh.server.restart();
    await eventually(() => mesh.caller.connected);
    const again = await eventually(async () => {
      const call = mesh.call('count', { window: 4, payload: { to: 2 } });
      return (await call.last()).json();
    });
    expect(again).toEqual({ counted: 2 });
  }, 60_000);

  it('who speaks plain NATS is told so when it is back', async () => {
    await mesh.start();
    const call = mesh.call('count', { window: 2, payload: { to: 10 } });
    await call.came(2);
    await mesh.server.restart();
    expect(await call.problem()).toMatchObject({ code: 'PLUGIN_CRASHED' });
    expect(call.numbers).toEqual([0, 1, 2]);
  }, 60_000);
});

describe('when the caller is killed', () => {
  it('its stream ends at the next chunk', async () => {
    const { reasons, instance } = await mesh.start();
    const child = spawn(
      process.execPath,
      [
        path.join(import.meta.dirname, '../fixtures/stream-caller.ts'),
        mesh.server.url,
        mesh.server.credentialsFile,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await ended;
    await eventually(() => reasons.length === 1);
    expect(reasons).toMatchObject([{ code: 'CANCELLED' }]);
    await eventually(() => instance.telemetry().in_flight === 0);
  }, 30_000);
});

describe('many streams', () => {
  it('share an instance, each with its own credit, and leave no timer behind', async () => {
    const { instance } = await mesh.start({ config: limits({ max_concurrency: 200 }) });
    const count = 200;
    const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
    const before = timers();
    const calls = Array.from({ length: count }, () => mesh.call('count', { window: 3, payload: { to: 9 } }));
    await Promise.all(calls.map((call) => call.came(3)));
    expect(instance.openFlows).toBeLessThanOrEqual(count);
    for (const call of calls.slice(0, 100)) call.say({ credit: 6 });
    await Promise.all(calls.slice(0, 100).map((call) => call.last()));
    for (const call of calls.slice(100)) call.say({ cancel: true });
    for (const call of calls.slice(100)) expect(await call.problem()).toMatchObject({ code: 'CANCELLED' });
    const { request_count: requests, error_count: errors, in_flight: inFlight } = instance.telemetry();
    expect({ requests, errors, inFlight }).toEqual({ requests: count, errors: 100, inFlight: 0 });
    await eventually(() => timers() <= before);
    expect(calls[0]?.msgs.at(-1)?.headers?.get(headerNames.end)).toBe('10');
  }, 30_000);
});
