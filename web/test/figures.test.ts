import type { PluginInfo, Status } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { escapeControl, escapeLine } from '../src/lib/control-characters.ts';
import {
  formatBytes,
  formatDuration,
  formatMemory,
  formatMoment,
  formatPercent,
  formatUptime,
  plural,
} from '../src/lib/format.ts';
import { cpuHistory, historyLength, sparklinePath } from '../src/lib/history.ts';
import { actionsOf, errorText, statusCounts, whyNoActions, whyNoStart } from '../src/lib/status.ts';
import { metrics, type Reading } from '../src/lib/telemetry/rates.ts';
import { TelemetrySeries } from '../src/lib/telemetry/series.ts';

const plugin = (status: Status, managed?: boolean): PluginInfo =>
  ({
    status,
    instances: managed === undefined ? [] : [{ managed, status }],
    config: { revision: 1 },
  }) as unknown as PluginInfo;

describe('figures', () => {
  it('are as long as they are useful', () => {
    expect([0, 3.14, 42.4, 199.6].map(formatPercent)).toEqual(['0.0 %', '3.1 %', '42 %', '200 %']);
    expect([4.2, 180.4, 2048].map(formatMemory)).toEqual(['4.2 MB', '180 MB', '2.0 GB']);
    expect([0.42, 12.3, 1_250, 125_000, 119_700].map(formatDuration)).toEqual([
      '0.4 ms',
      '12 ms',
      '1.25 s',
      '2 min 5 s',
      '2 min 0 s',
    ]);
    expect([512, 2048, 3_145_728].map(formatBytes)).toEqual(['512 B', '2.0 KiB', '3.0 MiB']);
    expect([plural(1, 'line'), plural(1_200, 'line')]).toEqual(['1 line', '1,200 lines']);
  });

  it('have a date when they are of another day', () => {
    const now = new Date(2026, 10, 28, 12, 0, 0).getTime();
    expect(formatMoment(new Date(2026, 10, 28, 0, 3, 4).getTime(), now)).toBe('00:03:04');
    expect(formatMoment(new Date(2026, 0, 2, 23, 59, 0).getTime(), now)).toBe('2026-01-02 23:59:00');
    expect(formatMoment('no time', now)).toBe('–');
  });

  it('show an uptime in two units', () => {
    expect([7, 187, 7_500, 532_800].map(formatUptime)).toEqual(['7s', '3m 07s', '2h 05m', '6d 04h']);
  });

  it('do not show what is no number', () => {
    expect(formatPercent(NaN)).toBe('–');
    expect(formatMemory(Infinity)).toBe('–');
  });
});

describe('the sparkline', () => {
  it('shows the last readings only, with one gap for a silence', () => {
    const series = new TelemetrySeries();
    const reading = (cpu: number) =>
      ({ ...Object.fromEntries(metrics.map((metric) => [metric, NaN])), cpu }) as Reading;
    for (let i = 0; i < 100; i++) series.add(i * 2_000, reading(i));
    expect(cpuHistory({ series, silenceMs: 7_000 })).toHaveLength(historyLength);
    series.add(300_000, reading(7));
    expect(cpuHistory({ series, silenceMs: 7_000 }).slice(-3)).toEqual([99, undefined, 7]);
  });

  it('ends at the right edge, reaches the top at the ceiling and has gaps where nothing was read', () => {
    const size = { width: historyLength - 1, height: 10, ceiling: 20 };
    expect(sparklinePath([20, undefined, 10], size).line).toBe('M57.0 0.0M59.0 5.0');
    expect(sparklinePath([40, 20], size).line).toBe('M58.0 0.0L59.0 5.0');
    expect(sparklinePath([], size)).toEqual({ line: '', area: '' });
  });
});

describe('the actions', () => {
  it('are those that make sense in a state', () => {
    const states: Status[] = ['stopped', 'starting', 'running', 'stopping', 'error'];
    expect(states.map((status) => actionsOf(plugin(status)))).toEqual([
      ['start'],
      ['stop'],
      ['restart', 'stop'],
      [],
      [],
    ]);
    expect(actionsOf(plugin('error', true))).toEqual(['start', 'stop']);
  });

  it('are none for what somebody else runs, nor for a folder that is no plugin yet; the reason is said', () => {
    expect(actionsOf(plugin('running', false))).toEqual([]);
    expect(whyNoActions(plugin('running', false))).toContain('Not managed');
    expect(whyNoActions(plugin('error'))).toContain('cannot be started');
    expect(whyNoActions(plugin('stopped'))).toBeUndefined();
    expect(actionsOf(plugin('running', true))).toEqual(['restart', 'stop']);
    // Nobody could start it again.
    expect(actionsOf({ ...plugin('running', true), id: 'apikeys' })).toEqual(['restart']);
  });

  it('have a stop while a single writer is replaced, whose old instance ends first', () => {
    const replaced = (part: Partial<PluginInfo>) =>
      actionsOf({ ...plugin('stopping', true), rollout: { state: 'running' }, ...part } as PluginInfo);
    const config = (enabled: boolean) => ({ config: { enabled } as PluginInfo['config'] });
    expect(replaced(config(true))).toEqual(['stop']);
    // It is what was ordered already.
    expect(replaced(config(false))).toEqual([]);
    expect(replaced({ ...config(true), rollout: { state: 'done' } as PluginInfo['rollout'] })).toEqual([]);
  });

  it('have a start for what failed so often that it stays down', () => {
    const down = { ...plugin('error'), restarts: { failures: 6, stays_down: true } };
    expect(actionsOf(down)).toEqual(['start', 'stop']);
  });

  it('have a restart in place of a start where a process is there and hangs', () => {
    const [instance] = plugin('error', true).instances;
    const hung = { ...plugin('error', true), instances: [{ ...instance!, pid: 1 }] };
    expect(actionsOf(hung)).toEqual(['restart', 'stop']);
  });

  it('have no start that would bring nothing', () => {
    const wanting = (replicas: number) => ({ ...plugin('stopped'), config: { replicas } }) as PluginInfo;
    expect(whyNoStart(wanting(0))).toMatch(/No instances are wanted/);
    expect(whyNoStart(wanting(1))).toBeUndefined();
  });

  it('of what somebody else runs are told as they can be done in its state', () => {
    expect(whyNoActions(plugin('running', false))).toMatch(/can stop it\.$/);
    expect(whyNoActions(plugin('stopping', false))).toMatch(/can start it again\.$/);
    expect(whyNoActions(plugin('error', false))).toMatch(/what is wrong and start it again\.$/);
    const ended = { ...plugin('stopped'), config: { revision: 0 } } as PluginInfo;
    expect(whyNoActions(ended)).toMatch(/whoever ran it can start it\.$/);
    expect(actionsOf(ended)).toEqual([]);
  });
});

it('tells since when an error is there by the clock of the reader, and leaves the rest as it is', () => {
  const at = new Date(2026, 10, 28, 18, 5, 20, 733).toISOString();
  expect(errorText(`no heartbeat since ${at}`)).toBe('no heartbeat since 18:05:20');
  expect(errorText(`${at} since when\u0007`)).toBe(`${at} since when\\u0007`);
});

it('counts the states that there are', () => {
  expect(statusCounts([plugin('stopped'), plugin('running'), plugin('stopped')])).toEqual([
    { status: 'running', count: 1 },
    { status: 'stopped', count: 2 },
  ]);
});

it('writes control characters as escapes and keeps line breaks where lines are shown', () => {
  expect(escapeControl('a\tb\nc\u0007\r')).toBe('a\tb\nc\\u0007\\r');
  expect(escapeLine('a\tb\nc')).toBe('a  b\\nc');
});
