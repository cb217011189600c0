import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { PluginFolders } from '../src/plugin-folders.ts';

let parent: string;
let said: string[];
let folders: PluginFolders;

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'bkg-folders-'));
  said = [];
  const log = { warn: (text: string) => said.push(text) } as unknown as Logger;
  folders = new PluginFolders({ parents: [parent], settleMs: 250, log });
});
afterEach(() => rmSync(parent, { recursive: true }));

const text = (id: string, version = '1.0.0') => JSON.stringify({ id, version, command: ['x'] });

function write(folder: string, content: string, file = 'plugin.json'): void {
  mkdirSync(path.join(parent, folder), { recursive: true });
  writeFileSync(path.join(parent, folder, file), content);
}

const settled = () =>
  eventually(async () => {
    const scan = await folders.scan();
    return !scan.unsettled && scan.sources;
  });

describe('a folder', () => {
  it('counts when nothing in it has changed for a while', async () => {
    write('a', text('a'));
    expect(await folders.scan()).toMatchObject({ unsettled: true, sources: new Map() });
    expect((await settled()).get('a')).toMatchObject({
      folder: path.join(parent, 'a'),
      manifest: { version: '1.0.0' },
    });
    write('a', 'code', 'main.js');
    write('a', text('a', '1.0.1'));
    expect(await folders.scan()).toMatchObject({ unsettled: true });
    expect((await folders.scan()).sources.get('a')?.manifest?.version).toBe('1.0.0');
    expect((await settled()).get('a')?.manifest?.version).toBe('1.0.1');
  });

  it('is no plugin without a plugin.json, and none any more when it has gone', async () => {
    write('a', text('a'));
    write('library', '{}', 'package.json');
    writeFileSync(path.join(parent, 'README.md'), 'plugins');
    expect([...(await settled()).keys()]).toEqual(['a']);
    rmSync(path.join(parent, 'a'), { recursive: true });
    expect((await settled()).size).toBe(0);
    expect(said).toEqual([]);
  });

  it('is shown with what is wrong with it when it is known whose it is', async () => {
    write('a', '{"id": "a", "version": "x", "command": ["x"]}');
    expect((await settled()).get('a')).toMatchObject({ problem: expect.stringContaining('/version') });
    write('a', text('a'));
    expect((await settled()).get('a')).not.toHaveProperty('problem');
    write('a', '{');
    expect((await settled()).get('a')).toMatchObject({ problem: expect.stringContaining('is not JSON') });
    expect(said).toEqual([]);
  });

  it('is said once to be broken when nobody knows whose it is', async () => {
    write('A', '{');
    write('B', text('bkg-b'));
    expect((await settled()).size).toBe(0);
    await folders.scan();
    expect(said).toEqual([
      expect.stringContaining('is not JSON'),
      expect.stringContaining('"bkg-b" is reserved'),
    ]);
  });

  it('lends its name to a plugin whose plugin.json cannot be understood', async () => {
    write('half', '{ "id": "half", ');
    mkdirSync(path.join(parent, 'pipe'));
    execFileSync('mkfifo', [path.join(parent, 'pipe', 'plugin.json')]);
    const found = await settled();
    expect(found.get('half')?.problem).toContain('is not JSON');
    expect(found.get('pipe')?.problem).toBe('plugin.json is no file');
  });

  it('may have a plugin.json that begins with a byte order mark', async () => {
    write('a', `\uFEFF${text('a')}`);
    expect((await settled()).get('a')?.manifest?.version).toBe('1.0.0');
  });

  it('is left out when another has the same id, the original before the copy', async () => {
    write('a', text('same'));
    write('b', text('same'));
    expect((await settled()).get('same')?.folder).toBe(path.join(parent, 'a'));
    write('same', '{');
    expect((await settled()).get('same')?.folder).toBe(path.join(parent, 'a'));
    write('same', text('same'));
    expect((await settled()).get('same')?.folder).toBe(path.join(parent, 'same'));
    expect(said).toContainEqual(expect.stringMatching(/a is left out: .*same has the same plugin id "same"/));
  });

  it('that is not there is said once', async () => {
    const log = { warn: (line: string) => said.push(line) } as unknown as Logger;
    const none = new PluginFolders({ parents: [path.join(parent, 'none')], settleMs: 0, log });
    await none.scan();
    await none.scan();
    expect(said).toEqual([expect.stringContaining('cannot be read')]);
  });
});
