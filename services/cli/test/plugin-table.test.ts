import { describe, expect, it } from 'vitest';
import { pluginLines } from '../src/plugin-table.ts';
import { at, instance, plugin } from './plugin-info.ts';

describe('the table of plugins', () => {
  it('has a line for each plugin, and a dash for what nobody measures', () => {
    const stopped = plugin('brainml', { status: 'stopped', instances: [] }, { instances: 0 });
    const unused = plugin('idle', {}, { request_count: 0, error_count: 0 });
    expect(pluginLines([plugin('candle'), unused, stopped], Infinity)).toEqual([
      'PLUGIN   STATUS   VERSION  INST  REQS  ERRS  P50/P99 MS  CPU %  MEM MB',
      'candle   running  1.0.0       1  1204     3     1.6/205   12.3    81.3',
      'idle     running  1.0.0       1     0     0           -   12.3    81.3',
      'brainml  stopped  1.0.0       0     -     -           -      -       -',
    ]);
  });

  it('marks instances that somebody else has started, and explains the mark', () => {
    const lines = pluginLines(
      [
        plugin('a', { instances: [instance(false), instance(false)] }),
        plugin('b', { instances: [instance(), instance(false)] }),
      ],
      Infinity,
    );
    expect(lines[1]).toMatch(/ {2}2\* {2}/);
    expect(lines[2]).toMatch(/ {2}1\+1\* {2}/);
    expect(lines.at(-1)).toMatch(/^\* not managed: /);
  });

  it('says when nobody vouches for it, and since when', () => {
    const lines = pluginLines([plugin('a', { unknown_since: at })], 80);
    expect(lines[1]).toContain('running?');
    expect(lines.at(-1)).toBe(`? the supervisor is silent since ${at}: this was true then`);
  });

  it('shows why a plugin has failed, harmless and in one line', () => {
    const error = 'it ended with code 1\nlast line: \u001b[31mboom\u202e';
    const lines = pluginLines([plugin('a', { status: 'error', error })], 80);
    expect(lines[2]).toBe('  it ended with code 1 · last line: \\u001b[31mboom\\u202e');
  });

  it('begins why a plugin has failed with the verdict in short', () => {
    const end = { instance: 'a', version: '1.0.0', at, verdict: 'out_of_memory', text: 'took more' } as const;
    const failed = { status: 'error', error: 'took more; starting it again in 4 s', ends: [end] } as const;
    const lines = pluginLines(
      [
        plugin('a', { ...failed, ends: [end], restarts: { failures: 3, next_at: at } }),
        plugin('b', { ends: [end] }),
      ],
      80,
    );
    expect(lines[2]).toBe('  out of memory, 3 in a row: took more');
    expect(lines).toHaveLength(4);
  });

  it('says nothing twice of why a plugin has failed', () => {
    const text = 'gave no sign of life for 30 s and was killed';
    const end = { instance: 'a', version: '1.0.0', at, verdict: 'silent', text } as const;
    const silent = (failures: number) =>
      pluginLines([plugin('a', { status: 'error', ends: [end], restarts: { failures } })], 100)[2];
    expect(silent(1)).toBe(`  ${text}`);
    expect(silent(2)).toBe(`  gave no sign of life, 2 in a row: ${text}`);
  });

  it('fits 80 columns whatever the names and numbers are', () => {
    const id = 'p'.repeat(63);
    const large = {
      request_count: 123_456_789,
      error_count: 9_999_999,
      cpu_percent: 1600,
      memory_mb: 65_536,
    };
    const plugins = [
      plugin(id, {
        version: '10.20.30-rc.1+build.20261124',
        status: 'starting',
        error: 'x'.repeat(500),
        unknown_since: at,
      }),
      plugin('b', { instances: [instance(), ...Array.from({ length: 64 }, () => instance(false))] }, large),
      plugin('c', {}, { latency_ms: { p50: 74_000, p95: 74_000, p99: 74_000 } }),
    ];
    const lines = pluginLines(plugins, 80);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(lines.join('\n')).toContain('74s/74s');
    expect(lines.join('\n')).toContain(' 123M ');
    expect(pluginLines(plugins, Infinity).join('\n')).toContain(id);
  });
});
