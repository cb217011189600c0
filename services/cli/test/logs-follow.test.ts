import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { bkg, startBkg } from './bkg.ts';
import type { RunningBkg } from './bkg.ts';
import { testHome } from './test-home.ts';
import type { TestHome, Up } from './test-home.ts';

/** `bkg logs -f` beside a plugin that writes a numbered line every few milliseconds. */
let home: TestHome;
let up: Up;

beforeAll(async () => {
  home = await testHome();
  up = await home.runningMesh({ BKG_PLUGINS_PATH: path.join(import.meta.dirname, 'fixtures/plugins') });
  expect(await run('start', 'talker')).toMatchObject({ code: 0 });
}, 60_000);
afterAll(() => home[Symbol.asyncDispose]());
beforeEach(() => tickEvery(0));

const env = (): NodeJS.ProcessEnv => ({ BKG_HOME: home.dir });
const run = (...args: string[]) => bkg(args, { env: env() });
const tickEvery = async (ms: number): Promise<void> => {
  expect(await run('invoke', 'talker', 'tick', JSON.stringify({ every_ms: ms }))).toMatchObject({ code: 0 });
};
const follow = (...args: string[]): RunningBkg => startBkg(['logs', '-f', ...args], { env: env() });

/** The numbers of the ticks that it has printed whole. */
function ticks({ printed }: RunningBkg): number[] {
  return [...printed.stdout.matchAll(/ tick (\d+)[^\n]*\n/g)].map(([, n]) => Number(n));
}

async function end({ child, ended }: RunningBkg): Promise<void> {
  child.kill('SIGINT');
  await ended;
  // Nothing is left to do, so the system may end it.
  expect(child.signalCode).toBe('SIGINT');
}

/** Each once and in its order. */
function expectAll(numbers: number[]): void {
  const jumps = numbers.slice(1).flatMap((n, i) => (n === numbers[i]! + 1 ? [] : [[numbers[i], n]]));
  expect(jumps).toEqual([]);
}

it('goes from what was kept to what comes without losing or repeating a line', async () => {
  await tickEvery(2);
  const followers = Array.from({ length: 3 }, (_, i) => follow('talker', '-n', String(50 + 100 * i)));
  await eventually(() => followers.every((one) => ticks(one).length > 1_000), { withinMs: 15_000 });
  for (const one of followers) {
    expectAll(ticks(one));
    expect(one.printed.stderr).toBe('');
    await end(one);
  }
});

it('follows all plugins at once, from a level', async () => {
  const all = follow('--level', 'warn', '-n', '1');
  await run('invoke', 'talker', 'say', '{"text": "not so bad"}');
  await run('invoke', 'talker', 'say', '{"text": "bad", "level": "error"}');
  await eventually(() => / ERROR talker \| bad /.test(all.printed.stdout));
  expect(all.printed.stdout).not.toContain('not so bad');
  await end(all);
});

it('misses no line while the gateway is away, and says that it was', async () => {
  await tickEvery(10);
  const one = follow('talker', '-n', '1');
  await eventually(() => ticks(one).length > 20);
  process.kill(home.pid('gateway'), 'SIGKILL');
  await eventually(() => /no connection: [^]*connected again/.test(one.printed.stderr), { withinMs: 20_000 });
  const before = ticks(one).length;
  await eventually(() => ticks(one).length > before + 100);
  expectAll(ticks(one));
  await up.said(/! gateway [^]*✓ gateway +back/);
  await end(one);
});

it('goes on when the plugin is another process', async () => {
  const one = follow('talker', '-n', '1');
  await eventually(() => one.printed.stdout !== '');
  await run('restart', 'talker');
  await eventually(() => /talker is running[^]*ended with code 0/.test(one.printed.stdout));
  await end(one);
});
