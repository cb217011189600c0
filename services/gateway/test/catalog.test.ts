import { beforeEach, describe, expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import { Catalog } from '../src/mesh/catalog.ts';
import { entryOf, heartbeatOf, telemetryOf } from './mesh.ts';

let now: number;
let catalog: Catalog;
let changes: string[];

function at(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}

/** Reads a bucket that holds these. */
function read(...ids: string[]): void {
  catalog.begin();
  for (const id of ids) catalog.put(entryOf(id, 'running', { observed_at: new Date(now).toISOString() }));
  catalog.complete();
}

describe('the catalog', () => {
  beforeEach(() => {
    now = 1_000_000;
    catalog = new Catalog(() => now);
    changes = [];
    catalog.onChange((id) => changes.push(id));
    catalog.leaseRenewed(now);
  });

  it('is ready when the registry was read whole, also when there is nothing in it', () => {
    catalog.begin();
    catalog.put(entryOf('a'));
    expect(catalog.ready).toBe(false);
    catalog.complete();
    expect(catalog.ready).toBe(true);
    const empty = new Catalog();
    empty.begin();
    empty.complete();
    expect(empty.ready).toBe(true);
    expect(empty.size).toBe(0);
  });

  it('lists plugins by id, with telemetry over the instances they have', () => {
    read('b', 'a');
    const heartbeat = (values: object): Uint8Array => Buffer.from(JSON.stringify(heartbeatOf('a', values)));
    catalog.telemetry.hear('a', 'a-1', heartbeat({ memory_mb: 20 }));
    catalog.telemetry.hear('a', 'a-stranger', heartbeat({ memory_mb: 500 }));
    expect(catalog.ids().map((id) => [id, catalog.info(id)?.telemetry.memory_mb])).toEqual([
      ['a', 20],
      ['b', 0],
    ]);
  });

  it('keeps everything when the broker is away, as unknown since then', () => {
    read('a');
    expect(catalog.info('a')?.unknown_since).toBeUndefined();
    now += 1_000;
    catalog.away();
    now += 60_000;
    catalog.away();
    expect(catalog.info('a')?.unknown_since).toBe(at(1_001));
    expect(changes.filter((id) => id === 'a').length).toBeGreaterThan(1);
  });

  it('is sure again only when the registry was read again', () => {
    read('a');
    catalog.away();
    catalog.begin();
    catalog.leaseRenewed(now);
    expect(catalog.info('a')?.unknown_since).toBeDefined();
    read('a');
    expect(catalog.info('a')?.unknown_since).toBeUndefined();
  });

  it('shows as unknown what a new reading lacks, and forgets it only when the reading has settled', () => {
    read('a', 'b');
    now += 1_000;
    catalog.away();
    now += 1_000;
    read('b');
    catalog.leaseRenewed(now);
    expect(catalog.info('a')?.unknown_since).toBe(at(1_001));
    expect(catalog.info('b')?.unknown_since).toBeUndefined();
    catalog.settle();
    expect(catalog.info('a')).toBeUndefined();
    expect(catalog.info('b')).toBeDefined();
  });

  it('keeps what comes late in a bucket that was made anew', () => {
    read('a');
    read();
    catalog.put(entryOf('a'));
    catalog.settle();
    expect(catalog.info('a')?.unknown_since).toBeUndefined();
    expect(catalog.get('a')).toBeDefined();
  });

  it('forgets what was deleted at once', () => {
    read('a');
    changes = [];
    catalog.remove('a');
    catalog.remove('never-there');
    expect(catalog.get('a')).toBeUndefined();
    expect(changes).toEqual(['a']);
  });

  it('does not vouch for anything when the supervisor is silent for 5 s', () => {
    read('a');
    now += 5_000;
    expect(catalog.info('a')?.unknown_since).toBeUndefined();
    now += 1;
    expect(catalog.leaseIsStale).toBe(true);
    expect(catalog.info('a')?.unknown_since).toBe(at(1_000));
    changes = [];
    catalog.leaseOverdue();
    expect(changes).toEqual(['a']);
    catalog.leaseRenewed(now);
    expect(catalog.info('a')?.unknown_since).toBeUndefined();
    expect(changes).toEqual(['a', 'a']);
  });

  it('takes an old lease for what it is', () => {
    read('a');
    now += 60_000;
    catalog.leaseRenewed(now - 30_000);
    expect(catalog.info('a')?.unknown_since).toBe(at(1_030));
  });

  it('goes by the entry itself when no supervisor was ever heard', () => {
    catalog = new Catalog(() => now);
    read('a');
    expect(catalog.info('a')?.unknown_since).toBeUndefined();
    now += 6_000;
    expect(catalog.info('a')?.unknown_since).toBe(at(1_000));
  });

  it('believes an answer of the supervisor over a bucket that is still behind, for two seconds', () => {
    read('a');
    catalog.note(entryOf('a', 'stopped', { observed_at: at(1_010) }));
    expect(catalog.get('a')?.status).toBe('stopped');
    catalog.put(entryOf('a', 'stopping', { observed_at: at(1_009) }));
    expect(catalog.get('a')?.status).toBe('stopped');
    catalog.put(entryOf('a', 'starting', { observed_at: at(1_011) }));
    expect(catalog.get('a')?.status).toBe('starting');
    now += 2_001;
    // A clock that was set back must not freeze the catalog.
    catalog.put(entryOf('a', 'running', { observed_at: at(900) }));
    expect(catalog.get('a')?.status).toBe('running');
  });

  it('believes the supervisor of a configuration, and the bucket of all the rest', () => {
    const configOf = (revision: number) => ({ id: 'a', ...configDefaults, revision });
    read('a');
    catalog.noteConfig('a', configOf(2));
    expect(catalog.get('a')).toMatchObject({ config: { revision: 2 }, observed_at: at(1_000) });
    // Written before the change, by a clock that is behind ours, and the last for long.
    now += 100;
    catalog.put(entryOf('a', 'stopped', { observed_at: at(1_001), config: configOf(1) }));
    expect(catalog.get('a')).toMatchObject({ status: 'stopped', instances: [], config: { revision: 2 } });
    catalog.note(entryOf('a', 'starting', { observed_at: at(1_002), config: configOf(1) }));
    expect(catalog.get('a')).toMatchObject({ status: 'starting', config: { revision: 2 } });
    // The other way round: of this entry only the configuration is new.
    catalog.put(entryOf('a', 'stopped', { observed_at: at(1_001), config: configOf(3) }));
    expect(catalog.get('a')).toMatchObject({ status: 'starting', config: { revision: 3 } });
    catalog.noteConfig('a', configOf(2));
    expect(catalog.get('a')?.config.revision).toBe(3);
    now += 2_001;
    catalog.put(entryOf('a', 'running', { observed_at: at(1_003), config: configOf(0) }));
    expect(catalog.get('a')).toMatchObject({ status: 'running', config: { revision: 0 } });
    catalog.noteConfig('unknown', configOf(1));
    expect(catalog.get('unknown')).toBeUndefined();
  });

  it('keeps what it is told of a plugin for as long as a mesh of that many instances needs to beat', () => {
    const instances = (most: number) =>
      Array.from({ length: most }, (_, i) => ({ ...entryOf('a').instances[0]!, instance: `a-${i + 1}` }));
    const keptMs = (): number => {
      const startedAt = now;
      catalog.noteTelemetry(telemetryOf('a'), ['a-1']);
      while (catalog.info('a')?.telemetry.instances === 1) now += 1_000;
      const lastMs = now - 1_000 - startedAt;
      now = startedAt;
      return lastMs;
    };
    read('a', 'b');
    expect(keptMs()).toBe(30_000);
    catalog.put(entryOf('a', 'running', { observed_at: at(1_000), instances: instances(500) }));
    catalog.put(entryOf('b', 'running', { observed_at: at(1_000), instances: instances(250) }));
    catalog.note(entryOf('a', 'running', { observed_at: at(2_000), instances: instances(750) }));
    catalog.noteConfig('a', { id: 'a', ...configDefaults });
    expect(keptMs()).toBe(120_000);
    catalog.remove('b');
    expect(keptMs()).toBe(90_000);
    catalog.note(entryOf('a', 'running', { observed_at: at(3_000) }));
    catalog.remove('b');
    expect(keptMs()).toBe(30_000);
  });

  it('does not look at all plugins for each whose telemetry it is told', () => {
    let looks = 0;
    for (const id of ['a', 'b', 'c']) {
      const { instances, ...entry } = entryOf(id);
      catalog.put({
        ...entry,
        get instances() {
          looks += 1;
          return instances;
        },
      });
    }
    looks = 0;
    catalog.noteTelemetry(telemetryOf('a'), ['a-1']);
    expect(looks).toBe(0);
  });

  it('ignores an answer that is older than what it knows', () => {
    read('a');
    catalog.note(entryOf('a', 'stopped', { observed_at: at(999) }));
    expect(catalog.get('a')?.status).toBe('running');
    catalog.note(entryOf('unknown', 'stopped'));
    expect(catalog.get('unknown')).toBeUndefined();
  });
});
