import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '@bkg/sdk';
import { eventually, silentLogger } from '@bkg/sdk/testing';
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

  it('with the id of a plugin of bkg counts in the project’s own place only, and is left out elsewhere', async () => {
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'bkg-folders-'));
    try {
      const log = { warn: (line: string) => said.push(line) } as unknown as Logger;
      const parents = [parent, elsewhere];
      folders = new PluginFolders({ parents, ownParent: parent, settleMs: 0, log });
      write('apikeys', text('apikeys'));
      write('mine', text('mine'));
      for (const [folder, content] of [
        ['apikeys', text('apikeys', '2.0.0')],
        ['harmless', text('apikeys', '3.0.0')],
        ['candle', 'nonsense'],
        ['theirs', text('theirs')],
      ] as const) {
        mkdirSync(path.join(elsewhere, folder));
        writeFileSync(path.join(elsewhere, folder, 'plugin.json'), content);
      }
      const sources = await settled();
      expect([...sources.keys()].sort()).toEqual(['apikeys', 'mine', 'theirs']);
      expect(sources.get('apikeys')).toMatchObject({ version: '1.0.0', isOurs: true });
      expect(sources.get('theirs')).not.toHaveProperty('isOurs');
      expect((await folders.scan()).others.size).toBe(0);
      const leftOut = ['apikeys', 'candle', 'harmless'].map((name) => path.join(elsewhere, name));
      for (const folder of leftOut)
        expect(said.filter((line) => line.startsWith(`${folder} is left out: the id "`))).toHaveLength(1);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
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

  it('is shown under a name of its own when neither its plugin.json nor its name says whose it is', async () => {
    write('Äh', '{');
    write('B', text('bkg-b'));
    write('b', text('real'));
    write('bkg', '{}');
    write('你好', '{}');
    const found = await settled();
    const ids = [...found.keys()];
    expect(ids.map((id) => id.replace(/[0-9a-f]{8}$/, '#')).sort()).toEqual([
      'broken-#',
      'broken-ah-#',
      'broken-b-#',
      'broken-bkg-#',
      'real',
    ]);
    for (const [id, { folder, problem }] of found)
      if (id !== 'real') expect(problem).toContain(`; its folder is ${folder}, of whose name`);
    expect(said).toEqual([]);
    // A plugin of that name comes first, as little as one is likely to have it.
    const [taken = ''] = ids.filter((id) => id.startsWith('broken-bkg-'));
    write('other', text(taken));
    expect((await settled()).get(taken)).toMatchObject({ folder: path.join(parent, 'other') });
    expect(said).toEqual([
      `${path.join(parent, 'bkg')} is no plugin: plugin.json has no "id", which must be a text`,
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
    expect(said).toEqual([expect.stringContaining('none does not exist')]);
  });

  it('whose command names a file that is not there yet is shown with that, and counts when it is', async () => {
    const command = ['node', '--enable-source-maps', 'dist/main.mjs'];
    write('half', JSON.stringify({ id: 'half', version: '1.0.0', command }));
    expect((await settled()).get('half')).toMatchObject({
      manifest: { id: 'half' },
      problem: 'its folder is not complete: "command" of plugin.json names dist/main.mjs, which is not there',
    });
    write('half/dist', 'await 0', 'main.mjs');
    // It may still grow.
    expect(await folders.scan()).toMatchObject({ unsettled: true });
    expect((await folders.scan()).sources.get('half')).toHaveProperty('problem');
    expect((await settled()).get('half')).not.toHaveProperty('problem');
    rmSync(path.join(parent, 'half/dist/main.mjs'));
    expect((await settled()).get('half')).toHaveProperty('problem');
  });

  it('that is written to for long is shown with what is written', async () => {
    const patient = new PluginFolders({
      parents: [parent],
      settleMs: 60_000,
      patienceMs: 100,
      log: silentLogger,
    });
    write('slow', text('slow'));
    write('slow/dist/deep', 'x', 'part.js');
    const scan = await patient.scan();
    expect([scan.sources.size, [...scan.coming], scan.unsettled]).toEqual([0, ['slow'], true]);
    const shown = await eventually(async () => (await patient.scan()).sources.get('slow'));
    expect(shown).toMatchObject({
      problem: expect.stringMatching(/^its folder is not complete yet: .* was written to just now$/),
    });
    expect(shown).not.toHaveProperty('manifest');
  });

  it('that its own process writes to counts when that does not end', async () => {
    const isRunning = (id: string): boolean => id === 'writer';
    const options = { parents: [parent], settleMs: 60_000, patienceMs: 100, log: silentLogger, isRunning };
    const busy = new PluginFolders(options);
    write('writer', text('writer'));
    expect((await busy.scan()).sources.size).toBe(0);
    expect(await eventually(async () => (await busy.scan()).sources.get('writer')?.manifest)).toBeDefined();
  });

  it('counts only when what lies deep in it has settled, too', async () => {
    write('deep/a/b', 'x', 'c.js');
    write('deep', text('deep'));
    await eventually(() => {
      write('deep/a/b', 'x', 'c.js');
      return Date.now() - statSync(path.join(parent, 'deep/plugin.json')).ctimeMs > 400;
    });
    expect(await folders.scan()).toMatchObject({ unsettled: true });
    expect((await settled()).get('deep')?.manifest).toBeDefined();
  });

  it('may be a link, and a link that leads nowhere or back is no plugin', async () => {
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'bkg-elsewhere-'));
    mkdirSync(path.join(elsewhere, 'linked'));
    writeFileSync(path.join(elsewhere, 'linked/plugin.json'), text('linked'));
    symlinkSync(elsewhere, path.join(elsewhere, 'linked/back'));
    symlinkSync('nowhere', path.join(elsewhere, 'linked/config'));
    symlinkSync(path.join(elsewhere, 'linked'), path.join(parent, 'linked'));
    symlinkSync(path.join(elsewhere, 'none'), path.join(parent, 'none'));
    symlinkSync('.', path.join(parent, 'back'));
    expect([...(await settled()).values()]).toMatchObject([{ id: 'linked', folder: `${parent}/linked` }]);
    expect(said).toEqual([]);
    rmSync(elsewhere, { recursive: true });
  });

  it('that cannot be read for a moment has not lost its plugins', async () => {
    write('a', text('a'));
    const unreadable = path.join(parent, 'file');
    const two = new PluginFolders({ parents: [parent, unreadable], settleMs: 20, log: silentLogger });
    await eventually(async () => (await two.scan()).sources.has('a'));
    expect(await two.scan()).toMatchObject({ isBlind: false });
    writeFileSync(unreadable, '');
    expect(await two.scan()).toMatchObject({ isBlind: true });
  });

  it('of the first place counts, whatever the others hold', async () => {
    const later = mkdtempSync(path.join(tmpdir(), 'bkg-later-'));
    mkdirSync(path.join(later, 'same'));
    const twin = text('same', '2.0.0');
    writeFileSync(path.join(later, 'same/plugin.json'), twin);
    write('other-name', twin);
    const log = { warn: (line: string) => said.push(line) } as unknown as Logger;
    const both = new PluginFolders({ parents: [parent, later], settleMs: 20, log });
    const source = await eventually(async () => {
      const scan = await both.scan();
      return !scan.unsettled && scan.sources.get('same');
    });
    expect(source).toMatchObject({ folder: path.join(parent, 'other-name') });
    expect(said).toEqual([expect.stringContaining('same is left out')]);
    write('other-name', '{"id": "same"}');
    // Broken, it is still the first choice; the other is another version now.
    const broken = await eventually(async () => {
      const { sources, others, unsettled } = await both.scan();
      return !unsettled && sources.get('same')?.problem && others.get('same');
    });
    expect(broken).toMatchObject([{ version: '2.0.0', folder: path.join(later, 'same') }]);
    rmSync(later, { recursive: true });
  });

  it('with the id of another is a version of it', async () => {
    write('same', text('same'));
    write('same-2', text('same', '2.0.0'));
    const others = await eventually(async () => {
      const scan = await folders.scan();
      return !scan.unsettled && scan.others.get('same');
    });
    expect(others).toMatchObject([{ version: '2.0.0' }]);
    expect(said).toEqual([]);
  });

  it('that was given instead of the one it lies in is said to be wrong', async () => {
    write('.', text('itself'));
    await folders.scan();
    await folders.scan();
    expect(said).toEqual([expect.stringContaining(`is a plugin itself: name the folder in which it lies`)]);
  });

  it('that begins with a dot is not looked at: it is where tools unpack', async () => {
    write('.partial', text('partial'));
    write('a', text('a'));
    expect([...(await settled()).keys()]).toEqual(['a']);
  });
});
