import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { partNames } from '../src/up/up-record.ts';
import { testHome } from './test-home.ts';
import type { TestHome, Up } from './test-home.ts';

const pids = (home: TestHome): number[] => partNames.map((name) => home.pid(name));

/** SIGKILL to `bkg up` alone, which stops nothing else. */
async function killUp(up: Up): Promise<void> {
  expect(await up.stop('SIGKILL')).toBe(null);
}

describe('a part that ends', () => {
  let home: TestHome;
  let up: Up;
  beforeAll(async () => {
    home = await testHome();
    up = await home.running();
  });
  afterAll(() => home[Symbol.asyncDispose]());

  it.each(partNames)('is started again: %s', async (name) => {
    const before = home.pid(name);
    const said = up.output.length;
    process.kill(before, 'SIGKILL');
    await up.said(new RegExp(`✓ ${name} +back, `));
    expect(home.pid(name)).not.toBe(before);
    expect(up.output.slice(said)).toMatch(
      new RegExp(
        `^  ! ${name} +ended by SIGKILL at [\\d:]{8}; starting it again in \\d\\.\\d s\n  ✓ ${name} +back, .*\n$`,
      ),
    );
  });

  it('is tried ever again when it ends every time, with the place of its log', async () => {
    home.order({ gateway: 'crashes' });
    process.kill(home.pid('gateway'), 'SIGKILL');
    await up.said(
      /! gateway +ended with code 3 at .*, 4 times in a row; trying again in .* \(log: .*gateway\.log\)/,
    );
    home.order({});
    await up.said(/ 4 times[^]*✓ gateway +back/);
  });

  it('has a log that stays bounded while it runs', async () => {
    const log = home.file('logs', 'gateway.log');
    appendFileSync(log, 'x'.repeat(150_000));
    await eventually(() => statSync(log).size === 0);
    expect(readFileSync(`${log}.1`, 'utf8')).toMatch(/x{150000}$/);
  });
});

describe('after a SIGKILL of bkg up', () => {
  it('the parts go on, and the next start takes them over and holds them', async () => {
    await using home = await testHome();
    await killUp(await home.running());
    const before = pids(home);
    expect(home.processes()).toHaveLength(3);

    const next = await home.running();
    expect(pids(home)).toEqual(before);
    for (const name of partNames)
      expect(next.output).toMatch(new RegExp(`✓ ${name} +.*, still running \\(process ${home.pid(name)}\\)`));

    process.kill(home.pid('supervisor'), 'SIGKILL');
    await next.said(/! supervisor +ended at .*\n {2}✓ supervisor +back/);
    expect(await next.stop()).toBe(0);
    expect(home.processes()).toEqual([]);
  });

  it('the next start starts what is missing', async () => {
    await using home = await testHome();
    await killUp(await home.running());
    const [natsServer, supervisor, gateway] = pids(home);
    process.kill(gateway!, 'SIGKILL');
    const next = await home.running();
    expect([home.pid('nats-server'), home.pid('supervisor')]).toEqual([natsServer, supervisor]);
    expect(home.pid('gateway')).not.toBe(gateway);
    expect(next.output).toMatch(/✓ gateway +on 127\.0\.0\.1:\d+ \(/);
  });

  it('a start with another port replaces the gateway alone', async () => {
    await using home = await testHome();
    await killUp(await home.running());
    const [natsServer, supervisor, gateway] = pids(home);
    await home.changePorts('port');
    const next = await home.running();
    expect([home.pid('nats-server'), home.pid('supervisor')]).toEqual([natsServer, supervisor]);
    expect(home.pid('gateway')).not.toBe(gateway);
    expect(next.output).toMatch(/✓ gateway +ended: it was of another build or had other settings/);
    expect(home.notes()).toEqual(['gateway stopped']);
  });

  it('a start with another bus port replaces everything, and ends plugins that know the old one only', async () => {
    await using home = await testHome();
    await killUp(await home.running());
    const before = pids(home);
    await home.changePorts('busPort');
    const next = await home.running();
    for (const name of partNames) expect(before).not.toContain(home.pid(name));
    expect(home.notes()).toEqual([
      'gateway stopped',
      'supervisor stopped, broker still there',
      'stop-plugins',
    ]);
    expect(next.output).toMatch(/✓ plugins +ended: they would look for a broker that is gone/);
  });

  it('a start beside a living one whose record is gone takes nothing from it', async () => {
    await using home = await testHome();
    const first = await home.running();
    const before = home.processes();
    rmSync(home.file('run', 'up.json'));
    const second = home.up();
    expect(await second.ended).toBe(1);
    expect(second.output).toContain(`bkg: already up (process ${first.child.pid}), although`);
    expect(home.processes()).toEqual(before);
    expect(await first.stop()).toBe(0);
    expect(home.processes()).toEqual([]);
  });

  it('a start without a record of them ends them and starts afresh', async () => {
    await using home = await testHome();
    await killUp(await home.running());
    const before = pids(home);
    rmSync(home.file('run', 'up.json'));
    const next = await home.running();
    for (const name of partNames) expect(before).not.toContain(home.pid(name));
    expect(next.output).toMatch(/✓ nats-server +process \d+ ended: it was left by an earlier bkg up/);
  });
});
