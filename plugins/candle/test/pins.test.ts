import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPins, type Pins } from '../src/pins.ts';
import { temporaryFolder, type Folder } from './sample-models.ts';

let folder: Folder;
let oddities: string[];
let pins: Pins;

const instance = (): Pins => createPins(join(folder.path, 'pins'), (name) => oddities.push(name));

beforeEach(async () => {
  folder = await temporaryFolder();
  oddities = [];
  pins = instance();
});
afterEach(() => folder[Symbol.asyncDispose]());

const refs = async (from: Pins) => (await from.list()).map(({ pinnedAt: _, ...ref }) => ref);

describe('pins', () => {
  it('are none before there is a folder', async () => {
    expect(await pins.list()).toEqual([]);
    expect(await pins.remove({ model_id: 'a/b' })).toBe(false);
  });

  it('are seen by every instance that shares the folder, with all that their names can hold', async () => {
    const all = [
      { model_id: 'org/name' },
      { model_id: 'org/name', revision: 'refs/pr/1' },
      { model_id: 'plain.name_1-x' },
      { model_id: 'z/z', revision: 'f'.repeat(40) },
    ];
    for (const ref of all) await pins.add(ref);
    expect(await refs(instance())).toEqual(expect.arrayContaining(all));
    expect(await refs(instance())).toHaveLength(all.length);
    expect(await instance().remove(all[1]!)).toBe(true);
    expect(await refs(pins)).toHaveLength(all.length - 1);
  });

  it('survive instances that write at the same time', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `org/model${i}`);
    const [one, other] = [instance(), instance()];
    await Promise.all(ids.map((model_id, i) => (i % 2 ? one : other).add({ model_id })));
    expect((await refs(pins)).map(({ model_id }) => model_id).sort()).toEqual(ids.sort());
  });

  it('are renewed, not doubled, by a second pin', async () => {
    await pins.add({ model_id: 'a/b' });
    const [first] = await pins.list();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await pins.add({ model_id: 'a/b' });
    const again = await pins.list();
    expect(again).toHaveLength(1);
    expect(again[0]!.pinnedAt).toBeGreaterThan(first!.pinnedAt);
  });

  it('ignore foreign files in their folder and say so once', async () => {
    await pins.add({ model_id: 'a/b' });
    for (const name of ['README', '..+..+etc.pin', 'a@b@c.pin', '.pin'])
      await folder.write(`pins/${name}`, '');
    await pins.list();
    expect(await refs(pins)).toEqual([{ model_id: 'a/b' }]);
    expect(oddities.sort()).toEqual(['..+..+etc.pin', '.pin', 'README', 'a@b@c.pin']);
  });
});
