import { describe, expect, it } from 'vitest';
import { StatusWatch } from '../src/status-watch.ts';
import type { Connection } from '../src/connection.ts';
import { subjects } from '../src/protocol/index.ts';

describe('the subscriptions of a client to status events', () => {
  it('are those of the 256 plugins that it has invoked last, and of those that it is invoking', () => {
    const open = new Set<string>();
    const subscribe = (subject: string) => {
      open.add(subject);
      return { unsubscribe: () => open.delete(subject) };
    };
    const watch = new StatusWatch({ connected: true, subscribe } as unknown as Connection, () => undefined);
    const use = (plugin: string): void => {
      const watched = watch.enter(plugin);
      if (watched) watched.running -= 1;
    };
    watch.enter('running');
    for (let i = 0; i < 300; i += 1) {
      use(`p-${i}`);
      use('again');
    }
    expect(open.size).toBe(256);
    const isOpen = (plugin: string): boolean => open.has(subjects.events('status', plugin));
    expect(['running', 'again', 'p-299', 'p-46', 'p-45', 'p-0'].map(isOpen)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    watch.close();
    expect(open.size).toBe(0);
  });
});
