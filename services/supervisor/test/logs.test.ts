import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { LogRecord } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { manifest, Mesh, problemOf } from './mesh.ts';

let mesh: Mesh;
const events: LogRecord[] = [];

beforeAll(async () => {
  mesh = await Mesh.create([manifest('echo', 'echo.mjs'), manifest('exits', 'exits.mjs')]);
  mesh.caller.subscribe(subjects.events('log', 'echo'), {
    callback: (_, msg) => void events.push(msg.json()),
  });
  await mesh.supervise();
  await mesh.order('start', 'echo');
});
afterAll(() => mesh[Symbol.asyncDispose]());

const has = (message: string, query = {}) =>
  eventually(async () => (await mesh.logs('echo', query)).find((record) => record.message === message));
const print = (text: string, stream = 'stdout') => mesh.invoke('echo', 'print', { text, stream });

describe('the log of a plugin', () => {
  it('holds what it logs, what it prints, and what became of it', async () => {
    await has('hello');
    await print('plain\n');
    await print('oh\n', 'stderr');
    await mesh.invoke('echo', 'log', { level: 'error', message: 'no', fields: { model: 'm' } });
    const { instances } = await mesh.get('echo');
    const common = {
      plugin_id: 'echo',
      instance: instances[0]?.instance,
      time: expect.stringMatching(/^20.*Z$/),
    };
    expect(await has('plain')).toEqual({ ...common, message: 'plain', level: 'info', source: 'stdout' });
    expect(await has('oh')).toEqual({ ...common, message: 'oh', level: 'warn', source: 'stderr' });
    expect(await has('no')).toMatchObject({ ...common, level: 'error', source: 'sdk', model: 'm' });
    const messages = await mesh.messages('echo');
    expect(messages[0]).toMatch(/^echo 1\.0\.0: node /);
    expect(messages).toContainEqual(expect.stringMatching(/^ready after [\d.]+ s$/));
  });

  it('is published as it is kept, each record once', async () => {
    await print('once\n');
    await has('once');
    await eventually(() => events.some(({ message }) => message === 'once'));
    const text = (records: LogRecord[]) => records.map((record) => JSON.stringify(record)).toSorted();
    expect(text(events)).toEqual(text(await mesh.logs('echo')));
  });

  it('is filtered by level, time and number', async () => {
    const since = new Date().toISOString();
    await mesh.invoke('echo', 'log', { level: 'warn', message: 'since then' });
    await has('since then');
    expect(await mesh.messages('echo', { level: 'warn', since })).toEqual(['since then']);
    expect(await mesh.messages('echo', { level: 'warn', since: '10s' })).toContain('since then');
    expect(await mesh.messages('echo', { lines: 1 })).toEqual(['since then']);
    expect(await problemOf(mesh.logs('echo', { level: 'loud' }))).toMatchObject({
      code: 'INVALID_PAYLOAD',
      detail: expect.stringContaining('"trace"'),
    });
  });

  it('goes on over restarts, and is there after a stop', async () => {
    await print('before the restart\n');
    await mesh.order('restart', 'echo');
    await print('after the restart\n');
    await mesh.order('stop', 'echo');
    const messages = await mesh.messages('echo');
    const order = [
      'before the restart',
      'stopping: a restart was ordered',
      'after the restart',
      'ended with code 0',
    ];
    expect(messages.filter((message) => order.includes(message))).toEqual([
      'before the restart',
      'stopping: a restart was ordered',
      'ended with code 0',
      'after the restart',
      'ended with code 0',
    ]);
    await mesh.order('start', 'echo');
  });

  it('has the last words of a plugin that has crashed', async () => {
    await problemOf(mesh.order('start', 'exits'));
    await mesh.order('stop', 'exits');
    const messages = await mesh.messages('exits');
    expect(messages).toContain('line 30');
    expect(messages).toContain('it went wrong');
  });

  it('cuts long lines, with a mark', async () => {
    await print(`${'x'.repeat(20_000)}\n`);
    const cut = await eventually(async () =>
      (await mesh.messages('echo')).find((message) => message.startsWith('xxx')),
    );
    expect(cut).toMatch(/^x{16384} … \[cut: the line had 20000 bytes\]$/);
    await print('after it\n');
    await has('after it');
  });

  it('takes a flood whole, and spares the bus and other plugins', async () => {
    const seen = events.length;
    const line = 'f'.repeat(999);
    for (let i = 0; i < 8; i += 1) await print(`${line}\n`.repeat(500));
    await print('the end of it\n');
    await has('the end of it');
    await eventually(() => events.some((record) => typeof record['unpublished_lines'] === 'number'));
    const published = events.slice(seen).filter(({ message }) => message === line).length;
    const counted = events
      .slice(seen)
      .reduce((sum, record) => sum + Number((record['unpublished_lines'] as number | undefined) ?? 0), 0);
    expect(published).toBeLessThan(3_000);
    expect(published + counted).toBeGreaterThanOrEqual(4_000);
    const { lines, truncated } = await mesh.ask<{ lines: LogRecord[]; truncated?: true }>(
      subjects.logs('echo'),
      {
        lines: 10_000,
      },
    );
    expect(truncated).toBe(true);
    expect(JSON.stringify(lines).length).toBeLessThan(1024 * 1024);
    expect(lines.at(-1)?.message).toBe('the end of it');
  });

  it('is a file of JSON lines that only its owner can read', async () => {
    const { instances } = await mesh.get('echo');
    const folder = path.join(mesh.home, 'logs/echo');
    expect(readdirSync(folder).length).toBeGreaterThan(1);
    const text = readFileSync(path.join(folder, `${instances[0]?.instance}.log`), 'utf8');
    expect(JSON.parse(text.slice(0, text.indexOf('\n')))).toMatchObject({ plugin_id: 'echo' });
  });

  it('of a plugin that nobody knows is not found', async () => {
    for (const id of ['none', 'NONE', '_']) {
      expect(await problemOf(mesh.logs(id))).toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    }
  });
});
