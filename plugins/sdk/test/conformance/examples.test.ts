import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Msg } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { levels, levelsUpTo, reachedLevel, runConformance } from '../../src/conformance/index.ts';
import type { CaseResult, Level } from '../../src/conformance/index.ts';
import { findTarget } from '../../src/conformance/target.ts';
import { UploadSending } from '../../src/conformance/upload-sending.ts';
import type { Connection } from '../../src/connection.ts';
import { problemOfMsg } from '../../src/problem.ts';
import { manifestSchema, subjects } from '../../src/protocol/index.ts';
import type { Heartbeat, JsonSchema, StatusEvent } from '../../src/protocol/index.ts';
import { eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { createValidator } from '../../src/validator.ts';
import { CompiledCopy } from '../nest/program.ts';
import { examplesFolder, isThere, PluginProcess, readManifest, uploadMostBytes } from './plugin-process.ts';

interface Example {
  language: string;
  /** What its README claims. */
  level: Level;
  /** And beside it. */
  also?: Level[];
  /** What it needs on this machine; the test is skipped without. */
  needs?: string;
  isPossible?: boolean;
  /** It knows BKG_HOLD, and answers its self-test on its own subject. */
  canBeHeld?: boolean;
}

const beside: Level[] = ['streaming', 'upload', 'backpressure'];

const examples: Example[] = [
  { language: 'typescript', level: 'full', also: beside, canBeHeld: true },
  { language: 'nest', level: 'full', also: beside, canBeHeld: true },
  { language: 'javascript', level: 'graceful', also: beside, canBeHeld: true },
  {
    language: 'python',
    level: 'graceful',
    also: beside,
    needs: 'python3',
    isPossible: isThere('python3', '--version'),
  },
  { language: 'go', level: 'timed', needs: 'go', isPossible: isThere('go', 'version') },
];

/** Where each example can be run from; some are built first, in a copy. */
const folders = new Map<string, string>();
const removals: (() => Promise<void>)[] = [];

beforeAll(async () => {
  for (const { language, isPossible = true } of examples)
    if (isPossible) folders.set(language, await built(language));
}, 180_000);
afterAll(async () => {
  await Promise.all(removals.map((remove) => remove()));
});

async function built(language: string): Promise<string> {
  const source = path.join(examplesFolder, language);
  if (language === 'nest') {
    const copy = await CompiledCopy.of(source);
    removals.push(() => copy[Symbol.asyncDispose]());
    return copy.folder;
  }
  if (language !== 'go') return source;
  const folder = await mkdtemp(path.join(tmpdir(), 'bkg-go-'));
  removals.push(() => rm(folder, { recursive: true, force: true }));
  await cp(source, folder, { recursive: true });
  const { status, stderr } = spawnSync('go', ['build'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, GOCACHE: path.join(tmpdir(), 'bkg-go-cache'), GOFLAGS: '-buildvcs=false' },
  });
  if (status !== 0) throw new Error(`go build failed:\n${stderr}`);
  return folder;
}

/** A plugin on a broker of its own, so that the tests of one example can run beside each other. */
class Stage implements AsyncDisposable {
  readonly server: TestServer;
  readonly caller: Connection;
  readonly plugin: PluginProcess;

  constructor(server: TestServer, caller: Connection, plugin: PluginProcess) {
    this.server = server;
    this.caller = caller;
    this.plugin = plugin;
  }

  /** @param instance makes it a managed one */
  static async of(language: string, instance?: string): Promise<Stage> {
    const server = await startNatsServer({ jetstream: false });
    const caller = await server.connect('caller');
    const plugin = new PluginProcess(folders.get(language) ?? '', server, instance);
    const stage = new Stage(server, caller, plugin);
    await eventually(
      () => {
        expect(plugin.hasEnded, plugin.output).toBe(false);
        return stage.invoke('greet', { name: 'Ada' });
      },
      { withinMs: 30_000 },
    );
    return stage;
  }

  invoke(capability: string, payload: unknown): Promise<Msg> {
    const subject = subjects.invokeCapability(this.plugin.id, capability);
    return this.caller.request(subject, JSON.stringify(payload), { timeoutMs: 5_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plugin[Symbol.asyncDispose]();
    await this.server.stop();
  }
}

const complaints = (results: CaseResult[], upTo: Level) =>
  results.filter(({ level, verdict }) => levelsUpTo(upTo).includes(level) && verdict !== 'kept');

for (const { language, level, also = [], needs, isPossible = true, canBeHeld = false } of examples) {
  const title = isPossible ? language : `${language} (skipped: there is no ${needs} on the PATH)`;
  describe.skipIf(!isPossible)(title, { concurrent: true, timeout: 240_000 }, () => {
    it('has a plugin.json that fits, and claims no other level in its README', async ({ expect }) => {
      const folder = path.join(examplesFolder, language);
      expect(createValidator(manifestSchema as unknown as JsonSchema)(readManifest(folder))).toEqual([]);
      const readme = await readFile(path.join(folder, 'README.md'), 'utf8');
      const claims = [...readme.matchAll(/\blevel `(\w+)`/g)].map(([, claim]) => claim);
      expect(claims.filter((claim) => claim !== level)).toEqual([]);
      // "…, and to `streaming` and `upload`."
      const more = /\blevel\s`\w+`,\sand\sto\s([^.:]+)/.exec(readme)?.[1] ?? '';
      expect([...more.matchAll(/`(\w+)`/g)].map(([, claim]) => claim)).toEqual(also);
    });

    it(`keeps to the level ${level} when it is managed, and not to more`, async ({ expect }) => {
      await using stage = await Stage.of(language, `${language}-1`);
      const { plugin, caller: connection } = stage;
      const results = await runConformance({
        connection,
        pluginId: plugin.id,
        slow: { wait: { ms: 4_000 } },
        level: ['full', ...beside],
        drain: async () => plugin.terminate(),
      });
      expect(complaints(results, level)).toEqual([]);
      expect(reachedLevel(results)).toBe(level);
      for (const one of also) expect(complaints(results, one)).toEqual([]);
      expect(beside.filter((one) => reachedLevel(results, one) === one)).toEqual(also);
      expect(await plugin.ended, plugin.output).toBe(0);
    });

    it.skipIf(!also.includes('upload'))('takes no more than its configuration allows', async ({ expect }) => {
      await using stage = await Stage.of(language, `${language}-2`);
      const { plugin, caller: connection } = stage;
      const target = await findTarget({ connection, pluginId: plugin.id });
      const send = async (sizeBytes: number): Promise<unknown> => {
        const sending = new UploadSending({
          connection,
          target,
          subject: subjects.invokeCapability(plugin.id, 'digest'),
          headers: { 'Bkg-Upload': '-', 'Content-Type': 'text/plain' },
          body: Buffer.alloc(sizeBytes),
        });
        await sending.send('rest', 20_000);
        await sending.exchange.answered(10_000);
        sending.close();
        return sending.exchange.answers[0]?.json;
      };
      expect(await send(uploadMostBytes)).toMatchObject({ bytes: uploadMostBytes });
      expect(await send(uploadMostBytes + 1)).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    });

    it('runs by hand with a URL and credentials only, outlives its broker, and ends in order without one', async ({
      expect,
    }) => {
      await using stage = await Stage.of(language);
      const { server, plugin } = stage;
      expect((await stage.invoke('greet', { name: 'Ada' })).json()).toEqual({ greeting: 'Hello, Ada!' });
      expect((await stage.invoke('greet', { name: '🙂'.repeat(100) })).headers).toBeUndefined();
      const code = `${plugin.id.toUpperCase().replaceAll('-', '_')}_NOBODY`;
      expect(problemOfMsg(await stage.invoke('greet', { name: 'nobody' }))).toMatchObject({
        code,
        status: 404,
        retryable: false,
      });
      for (const wrong of [
        {},
        { name: '' },
        { name: 'x'.repeat(101) },
        { name: 7 },
        { name: 'Ada', more: 1 },
        [],
        null,
      ])
        expect(problemOfMsg(await stage.invoke('greet', wrong)), JSON.stringify(wrong)).toMatchObject({
          code: 'INVALID_PAYLOAD',
          status: 400,
        });
      expect((await stage.invoke('wait', { ms: 20 })).json()).toEqual({ waited_ms: 20 });
      expect((await stage.invoke('wait', { ms: 0 })).json()).toEqual({ waited_ms: 0 });
      for (const ms of [-1, 0.5, 60_001, true, '1'])
        expect(problemOfMsg(await stage.invoke('wait', { ms }))?.code, String(ms)).toBe('INVALID_PAYLOAD');
      if (also.includes('streaming')) {
        expect((await stage.invoke('count', { to: 3 })).json()).toEqual({ counted: 3 });
        for (const to of [0, 0.5, 1_000_001, true, '1'])
          expect(problemOfMsg(await stage.invoke('count', { to }))?.code, String(to)).toBe('INVALID_PAYLOAD');
      }
      if (also.includes('upload')) {
        const body = Buffer.from([0, 255, 10, 13]);
        const subject = subjects.invokeCapability(plugin.id, 'digest');
        const headers = { 'Content-Type': 'image/png' };
        const digest = await stage.caller.request(subject, body, { timeoutMs: 5_000, headers });
        const sha256 = createHash('sha256').update(body).digest('hex');
        expect(digest.json()).toEqual({ bytes: 4, sha256 });
      }
      await server.restart();
      await eventually(() => stage.invoke('greet', { name: 'Ada' }), { withinMs: 30_000 });
      await server.kill();
      plugin.terminate();
      expect(await plugin.ended, plugin.output).toBe(0);
    });

    it.skipIf(!canBeHeld)(
      'is held, tried and admitted when it replaces another, and drains while it is held',
      async ({ expect }) => {
        await using server = await startNatsServer({ jetstream: false });
        const caller = await server.connect('caller');
        const events: (StatusEvent | Heartbeat)[] = [];
        const folder = folders.get(language) ?? '';
        const { id, self_test } = readManifest(folder);
        caller.subscribe(subjects.events('*', id), { callback: (_, msg) => void events.push(msg.json()) });
        const ask = (subject: string, body: unknown = {}) =>
          caller.request(subject, JSON.stringify(body), { timeoutMs: 5_000 });
        const greet = () => ask(subjects.invokeCapability(id, 'greet'), { name: 'Ada' });
        for (const isAdmitted of [true, false]) {
          events.length = 0;
          const instance = `held-${isAdmitted}`;
          await using plugin = new PluginProcess(folder, server, instance, true);
          await eventually(() => events.some(({ held }) => held), { withinMs: 30_000 });
          await expect(greet()).rejects.toThrow('Nobody answers');
          const direct = subjects.invokeAt(id, instance, self_test?.capability ?? '');
          expect((await ask(direct, self_test?.payload)).headers).toBeUndefined();
          if (isAdmitted) {
            expect((await ask(subjects.admit(id, instance))).json()).toEqual({ ok: true });
            expect((await ask(subjects.admit(id, instance))).json()).toEqual({ ok: true });
            expect((await greet()).json()).toEqual({ greeting: 'Hello, Ada!' });
            await eventually(() => events.at(-1)?.status === 'running' && !events.at(-1)?.held);
          }
          await ask(subjects.drain(id, instance));
          expect(await plugin.ended, plugin.output).toBe(0);
          await eventually(() => events.at(-1)?.status === 'stopped');
          const answered = { request_count: isAdmitted ? 2 : 1, in_flight: 0 };
          expect(events.at(-2)).toMatchObject({ status: 'stopping', telemetry: answered });
        }
      },
    );

    // Who publishes no events is drained by the supervisor's signal only.
    if (levels.indexOf(level) < levels.indexOf('graceful')) return;
    it('drains by order over the broker when it runs by hand', async ({ expect }) => {
      await using stage = await Stage.of(language);
      const { plugin, caller: connection } = stage;
      const events: (StatusEvent | Heartbeat)[] = [];
      for (const kind of ['status', 'telemetry'] as const)
        connection.subscribe(subjects.events(kind, plugin.id), {
          callback: (_, msg) => void events.push(msg.json()),
        });
      const results = await runConformance({
        connection,
        pluginId: plugin.id,
        level: 'graceful',
        cases: ['drain'],
      });
      expect(complaints(results, 'graceful')).toEqual([]);
      expect(await plugin.ended, plugin.output).toBe(0);
      await eventually(() => events.at(-1)?.status === 'stopped');
      expect(events.at(-2)).toMatchObject({ status: 'stopping', telemetry: { in_flight: 0 } });
    });
  });
}
