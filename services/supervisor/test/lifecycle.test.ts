import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCredentials, subjects } from '@bkg/sdk';
import type { PluginConfig, StatusEvent } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { isAlive, manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.create([
    manifest('echo', 'echo.mjs', {
      autostart: true,
      config: { env: { GREETING: 'hello' }, resources: { timeout_secs: 1 } },
    }),
    manifest('exits', 'exits.mjs'),
    manifest('leaves', 'exits.mjs', { env: { EXIT_CODE: '0' } }),
    manifest('fails', 'echo.mjs', { env: { ECHO_FAILS: 'there is no model' } }),
    manifest('mute', 'service.mjs', { start_timeout_secs: 0.6, env: { SERVICE_IS_MUTE: '1' } }),
    { ...manifest('absent', 'none.mjs'), command: ['no-such-program'] },
    manifest('service', 'service.mjs'),
    manifest('stubborn', 'service.mjs', { env: { SERVICE_IGNORES_TERM: '1' } }),
  ]);
  await mesh.supervise({
    graceMs: 600,
    heartbeatMs: 300,
    uselessLeastMs: 5_000,
    answerMs: 200,
    quietAnswerMs: 200,
  });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const running = (id: string) =>
  eventually(async () => {
    const info = await mesh.get(id);
    return info.status === 'running' && info;
  });

describe('a plugin that says autostart', () => {
  it('starts with the supervisor', async () => {
    expect(await running('echo')).toMatchObject({ config: { autostart: true } });
  });

  it('gets the launch contract', async () => {
    const { instances } = await running('echo');
    const env = await mesh.invoke<Record<string, string>>('echo', 'environment');
    const file = (name: string) => path.join(mesh.home, 'run', `${instances[0]?.instance}.${name}`);
    expect(env).toEqual({
      PATH: expect.stringMatching(`^${path.dirname(process.execPath)}:`),
      LANG: expect.any(String),
      ...(process.env['TZ'] && { TZ: process.env['TZ'] }),
      HOME: path.join(mesh.home, 'data/echo'),
      TMPDIR: path.join(mesh.home, 'data/echo'),
      GREETING: 'hello',
      BKG_HOME: mesh.home,
      BKG_PLUGIN_ID: 'echo',
      BKG_INSTANCE_ID: instances[0]?.instance,
      BKG_VERSION: '1.0.0',
      BKG_HEARTBEAT_MS: '500',
      BKG_NATS_URL: mesh.server.url,
      BKG_CREDENTIALS_FILE: file('credentials.json'),
      BKG_CONFIG_FILE: file('config.json'),
      BKG_DATA_DIR: path.join(mesh.home, 'data/echo'),
      cwd: path.join(mesh.plugins, 'echo'),
    });
    expect(readCredentials(file('credentials.json'))).toEqual(mesh.server.credentials);
    // As root it has a user of its own, who may read it.
    const mode = process.getuid?.() === 0 ? 0o640 : 0o600;
    expect(statSync(file('credentials.json')).mode & 0o777).toBe(mode);
    const config = JSON.parse(readFileSync(file('config.json'), 'utf8')) as PluginConfig;
    expect(config).toMatchObject({ id: 'echo', env: { GREETING: 'hello' }, revision: expect.any(Number) });
    expect(Object.keys(config)).not.toContain('descriptor');
  });

  it('leaves nothing but its log and its data when it is stopped', async () => {
    await running('echo');
    await mesh.order('stop', 'echo');
    const left = readdirSync(path.join(mesh.home, 'run'));
    expect(left.filter((name) => name !== 'supervisor.json')).toEqual([]);
    await mesh.order('start', 'echo');
  });
});

describe('a plugin that crashes', () => {
  it('is started again, and everybody hears why', async () => {
    const before = await running('echo');
    const events: StatusEvent[] = [];
    const subscription = mesh.caller.subscribe(subjects.events('status', 'echo'), {
      callback: (_, msg) => void events.push(msg.json()),
    });
    await mesh.caller.flush();
    process.kill(before.instances[0]!.pid!, 'SIGKILL');
    await eventually(async () => {
      const { status, instances } = await mesh.get('echo');
      return status === 'running' && instances[0]?.instance !== before.instances[0]?.instance;
    });
    subscription.unsubscribe();
    expect(events[0]).toMatchObject({
      instance: before.instances[0]?.instance,
      status: 'error',
      error: 'ended by SIGKILL',
    });
    expect(await mesh.messages('echo')).toContainEqual(
      expect.stringMatching(/^ended by SIGKILL; starting it again in [\d.]+ s$/),
    );
    expect((await running('echo')).instances).toHaveLength(1);
  });

  it('takes what it has started with it', async () => {
    for (const detached of [false, true]) {
      const { instances } = await running('echo');
      const { pid } = await mesh.invoke<{ pid: number }>('echo', 'child', { detached });
      expect(isAlive(pid)).toBe(true);
      process.kill(instances[0]!.pid!, 'SIGKILL');
      await eventually(() => !isAlive(pid));
      await eventually(async () => (await mesh.get('echo')).instances[0]?.pid !== instances[0]?.pid);
    }
  });

  it('takes it with it when it is stopped, too', async () => {
    await running('echo');
    const { pid } = await mesh.invoke<{ pid: number }>('echo', 'child');
    await mesh.order('stop', 'echo');
    await eventually(() => !isAlive(pid));
    await mesh.order('start', 'echo');
  });

  it('again and again is in error until somebody starts it', async () => {
    await problemOf(mesh.order('start', 'leaves'));
    await eventually(async () => (await mesh.get('leaves')).error?.includes('stays down'));
    const { status, error, instances } = await mesh.get('leaves');
    expect(status).toBe('error');
    expect(error).toBe(
      'ended with code 0 although nobody had asked it to; it failed 6 times in a row and stays down until it is started again or its folder changes',
    );
    expect(instances).toMatchObject([{ status: 'error', error, managed: true }]);
    const count = async () =>
      (await mesh.messages('leaves', { lines: 1_000 })).filter((line) => line.startsWith('leaves 1.0.0'))
        .length;
    expect(await count()).toBe(6);
    await problemOf(mesh.order('start', 'leaves'));
    expect(await count()).toBeGreaterThan(6);
    expect(await mesh.order('stop', 'leaves')).toMatchObject({ status: 'stopped', instances: [] });
  });
});

describe('a start that fails', () => {
  it('is answered with the last 20 lines that were printed', async () => {
    const problem = await problemOf(mesh.order('start', 'exits'));
    expect(problem).toMatchObject({ code: 'PLUGIN_CRASHED', status: 502 });
    const [first, ...lines] = problem.detail.split('\n');
    expect(first).toMatch(/^exits ended with code 7; starting it again in [\d.]+ s\. Its last lines:$/);
    const numbered = Array.from({ length: 19 }, (_, i) => `line ${i + 12}`);
    expect(lines.toSorted()).toEqual([...numbered, 'it went wrong'].toSorted());
    await mesh.order('stop', 'exits');
  });

  it('has the plugin’s own reason', async () => {
    const { detail } = await problemOf(mesh.order('start', 'fails'));
    expect(detail).toMatch(
      /^fails ended with code 1: It could not start: there is no model; starting it again/,
    );
    await mesh.order('stop', 'fails');
  });

  it('is one that does not become ready in time', async () => {
    const { detail } = await problemOf(mesh.order('start', 'mute'));
    expect(detail).toMatch(/^mute was not ready within 0\.6 s and was killed; starting it again/);
    expect(await mesh.order('stop', 'mute')).toMatchObject({ status: 'stopped' });
    expect(mesh.pids('mute')).toEqual([]);
  });

  it('is one of a program that is not there', async () => {
    const { detail } = await problemOf(mesh.order('start', 'absent'));
    expect(detail).toMatch(
      /^absent could not be started \(there is no program no-such-program that can be run\).* It printed nothing\.$/,
    );
    await mesh.order('stop', 'absent');
    expect(await mesh.messages('absent')).toContainEqual(expect.stringContaining('no program'));
  });
});

describe('a plugin without events', () => {
  it('is ready when it answers, can do what it says, and ends as it is asked to', async () => {
    const info = await mesh.order('start', 'service');
    expect(info).toMatchObject({ status: 'running' });
    await eventually(async () => (await mesh.get('service')).capabilities[0]?.id === 'do');
    // It does not answer for itself.
    const { instance } = info.instances[0]!;
    expect(await mesh.ask(subjects.status('service'))).toMatchObject({ instance, status: 'running' });
    expect(await mesh.order('stop', 'service')).toMatchObject({ status: 'stopped', instances: [] });
    expect(await mesh.messages('service')).toContain('ended by SIGTERM');
  });

  it('is killed when it does not end in time, which is an error', async () => {
    await mesh.order('start', 'stubborn');
    const stopped = await mesh.order('stop', 'stubborn');
    expect(stopped).toMatchObject({
      status: 'error',
      error: 'did not end within 0.6 s after SIGTERM and was killed',
    });
    expect(mesh.pids('stubborn')).toEqual([]);
    expect(await mesh.messages('stubborn')).toContain('SIGTERM? no');
    expect(await mesh.order('stop', 'stubborn')).toMatchObject({ status: 'stopped' });
  });
});

describe('a plugin that freezes', () => {
  it('is in error while it is silent', async () => {
    const { instances } = await running('echo');
    const pid = instances[0]!.pid!;
    process.kill(pid, 'SIGSTOP');
    const info = await eventually(async () => {
      const one = await mesh.get('echo');
      return one.status === 'error' && one;
    });
    expect(info.error).toMatch(/^no heartbeat since 20/);
    process.kill(pid, 'SIGCONT');
    expect((await running('echo')).instances[0]?.pid).toBe(pid);
    expect(await mesh.messages('echo')).toContain('heard of again');
  });

  it('for long is killed and started again', async () => {
    const { instances } = await running('echo');
    process.kill(instances[0]!.pid!, 'SIGSTOP');
    await eventually(async () => {
      const one = await mesh.get('echo');
      return one.status === 'running' && one.instances[0]?.pid !== instances[0]?.pid;
    });
    expect(await mesh.messages('echo')).toContainEqual(
      expect.stringMatching(/^gave no sign of life for \d.* s and was killed; starting it again/),
    );
  });
});
