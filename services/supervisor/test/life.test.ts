import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { endVerdicts } from '@bkg/sdk';
import type { Status } from '@bkg/sdk';
import { now } from '../src/clock.ts';
import type { OomKill } from '../src/isolation/confinement.ts';
import type { KillReason } from '../src/reconcile.ts';
import { failuresMost } from '../src/restart-policy.ts';
import { shownManaged } from '../src/shown-instance.ts';
import { expected } from '../src/sighting.ts';
import type { Sighting } from '../src/sighting.ts';
import { defaultTimings } from '../src/timings.ts';
import type { Ending, Verdict } from '../src/verdict.ts';
import { randomOf } from './hostile.ts';
import type { Random } from './hostile.ts';
import { managed } from './managed-kit.ts';

/** The table of "Life of an instance". */
const rows = readFileSync(path.join(import.meta.dirname, '../README.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  .filter((cells) => cells.length === 5);
const [head, , ...table] = rows;

it('has the columns that are looked at here', () => {
  expect(head).toEqual(['from', 'to', 'when', 'timers (ms)', 'verdict']);
});

it('names every verdict there is, and no other', () => {
  const named = table.flatMap(([, , , , verdict = '']) =>
    [...verdict.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  expect(named.toSorted()).toEqual([...endVerdicts, 'stopped'].toSorted());
});

it('gives each timer its time', () => {
  const timers = table.flatMap(([, , , cell = '']) => [...cell.matchAll(/`(\w+)` (\d+)/g)]);
  expect(timers.length).toBeGreaterThan(8);
  for (const [, name, ms] of timers)
    expect({ [name!]: Number(ms) }).toMatchObject({ [name!]: defaultTimings[name as 'graceMs'] });
});

it('counts failures in a row as it says', () => {
  expect(failuresMost).toBe(6);
});

const folder = mkdtempSync(path.join(tmpdir(), 'bkg-life-'));
afterAll(() => rmSync(folder, { recursive: true }));

const statuses: Status[] = ['starting', 'running', 'stopping', 'stopped', 'error'];
const kills: KillReason[] = ['not ready', 'silent', 'failing', 'grace over'];
const endings: Ending[] = [
  { how: 'exit', code: 0 },
  { how: 'exit', code: 1 },
  { how: 'exit', code: 143 },
  { how: 'signal', signal: 'SIGTERM' },
  { how: 'signal', signal: 'SIGKILL' },
  { how: 'signal', signal: 'SIGABRT' },
  { how: 'not started', error: 'ENOENT' },
  { how: 'unknown' },
];

interface Life {
  /** What was shown, one after the other; `gone` in the end. */
  shown: string[];
  verdict: Verdict;
}

/** One instance, to which anything happens in any order. */
async function live({ below, pick }: Random, name: string): Promise<Life> {
  const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
  const { promise: buried, resolve: bury } = Promise.withResolvers<Verdict>();
  let onOver: (what: 'memory' | 'processes', text: string) => void = () => undefined;
  let oomKill: OomKill | undefined;
  const heap = below(8) === 0 ? 'JavaScript heap out of memory' : '';
  const one = managed({
    instance: name,
    runFolder: folder,
    process: { ended },
    confinement: {
      watch: (_pid, listener) => (onOver = listener),
      get oomKill() {
        return oomKill;
      },
    },
    capture: { tail: () => heap },
    onEnd: (_one, verdict) => {
      bury(verdict);
      return '';
    },
  });
  let sighting: Sighting = expected(
    { instance: name, status: 'starting', version: '1.0.0', speaks: true },
    now(),
  );
  const shown: string[] = [];
  const look = (): void => {
    const { status } = shownManaged(one, sighting);
    if (shown.at(-1) !== status) shown.push(status);
  };
  const hear = (more: Partial<Sighting>): void => {
    const { silentSince: _silent, ...heard } = sighting;
    sighting = { ...heard, heardAt: now(), ...more };
    one.hear(sighting);
  };
  const happenings: (() => void)[] = [
    () => hear({ status: pick(statuses), held: below(3) === 0 }),
    () => hear({ status: 'running' }),
    () => hear({ status: 'starting', held: true }),
    () => hear({ silentSince: now(), heardAt: now() - 7_000 }),
    () => one.drain('it was ordered to stop'),
    () => one.reject('was no good'),
    () => one.kill(pick(kills)),
    () => onOver(pick(['memory', 'processes']), 'had 300 processes'),
    () => void (oomKill = pick(['own', 'machine'])),
  ];
  one.start();
  look();
  for (let left = below(5); left > 0; left -= 1) {
    // Often what happens in the usual course.
    const happen = below(2) === 0 ? happenings[1]! : pick(happenings);
    happen();
    look();
  }
  end(pick(endings));
  const verdict = await buried;
  return { shown: [...shown, 'gone'], verdict };
}

it('is what becomes of instances to which anything happens', async () => {
  const random = randomOf(7);
  const lives: Life[] = [];
  for (let i = 0; i < 500; i += 1) lives.push(await live(random, `i${i}`));

  const allowed = new Set(table.map(([from, to]) => `${from} ${to}`));
  const isAllowed = (pair: string): boolean =>
    allowed.has(pair) || (pair.endsWith(' gone') && allowed.has('any gone'));
  const seen = new Set(lives.flatMap(({ shown }) => shown.slice(1).map((to, i) => `${shown[i]} ${to}`)));
  expect([...seen].filter((pair) => !isAllowed(pair))).toEqual([]);
  // A row that nothing leads to is wrong, too.
  const own = [...allowed].filter((pair) => !/^(–|gone|any)|running running/.test(pair));
  expect(own.filter((pair) => !seen.has(pair))).toEqual([]);
  const verdicts = lives.map(({ verdict }) => (verdict.status === 'stopped' ? 'stopped' : verdict.verdict));
  expect(new Set(verdicts)).toEqual(new Set([...endVerdicts, 'stopped']));
});
