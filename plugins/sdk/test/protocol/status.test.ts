import { describe, expect, it } from 'vitest';
import { isStatus, pluginStatus, statuses } from '../../src/protocol/status.ts';
import type { Status } from '../../src/protocol/status.ts';

describe('the status of a plugin', () => {
  it.each<[Status[], Status]>([
    [['running'], 'running'],
    [['error', 'stopping', 'starting', 'running'], 'running'],
    [['error', 'stopping', 'starting'], 'starting'],
    [['error', 'stopping'], 'stopping'],
    [['stopped', 'error'], 'error'],
  ])('of instances that are %j is %s, whatever is wanted', (instances, status) => {
    expect(pluginStatus(instances, true)).toBe(status);
    expect(pluginStatus(instances, false)).toBe(status);
  });

  it('without a live instance depends on what is wanted', () => {
    for (const instances of [[], ['stopped']] as Status[][]) {
      expect(pluginStatus(instances, true)).toBe('error');
      expect(pluginStatus(instances, false)).toBe('stopped');
    }
  });

  it('does not depend on the order of the instances', () => {
    for (const a of statuses) {
      for (const b of statuses) expect(pluginStatus([a, b], true)).toBe(pluginStatus([b, a], true));
    }
  });
});

describe('a status', () => {
  it('is one of five words', () => {
    expect(statuses).toHaveLength(5);
    for (const status of statuses) expect(isStatus(status)).toBe(true);
  });

  it.each([undefined, null, '', 'Running', 'running ', 'crashed', 'constructor', 0, ['running']])(
    'is not %j',
    (value) => {
      expect(isStatus(value)).toBe(false);
    },
  );
});
