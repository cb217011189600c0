import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BkgError, PluginError } from '@bkg/sdk';
import { createLocator, type Locator } from '../src/locator.ts';
import { temporaryFolder, type Folder } from './sample-models.ts';

let folder: Folder;
let locator: Locator;

const commit = (digit: string): string => digit.repeat(40);

beforeEach(async () => {
  folder = await temporaryFolder();
  locator = createLocator({ homeDir: folder.path, bundledDir: join(folder.path, 'bundled') });
});
afterEach(() => folder[Symbol.asyncDispose]());

const failure = async (work: Promise<unknown>): Promise<{ code: string; message: string }> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BkgError || error instanceof PluginError) return error;
  throw new Error(`it failed otherwise, or not at all: ${String(error)}`);
};

describe('finding a model', () => {
  it('looks into models/, then the hub’s cache, then what candle ships', async () => {
    const placed: [place: string, source: string][] = [
      ['bundled/org/name/model.onnx', 'bundled'],
      [`hub/models--org--name/snapshots/${commit('a')}/onnx/model.onnx`, 'hub'],
      ['models/org/name.onnx', 'models'],
      ['models/org/name/model.onnx', 'models'],
      ['models/org/name/onnx/model.onnx', 'models'],
    ];
    await folder.write('hub/models--org--name/refs/main', `${commit('a')}\n`);
    for (const [place, source] of placed) {
      const path = await folder.write(place, 'x');
      expect(await locator.locate({ model_id: 'org/name' })).toMatchObject({
        model_id: 'org/name',
        path,
        source,
        sizeBytes: 1,
      });
    }
  });

  it('takes a model without an organisation', async () => {
    const path = await folder.write('models/alone.onnx', 'x');
    expect(await locator.locate({ model_id: 'alone' })).toMatchObject({ model_id: 'alone', path });
  });

  it('finds a revision by commit, by branch and by pull request, and tells the commit', async () => {
    for (const [ref, digit] of [
      ['main', 'a'],
      ['v1.0', 'b'],
      ['refs/pr/7', 'c'],
    ] as const) {
      await folder.write(`hub/models--org--name/snapshots/${commit(digit)}/model.onnx`, 'x');
      await folder.write(`hub/models--org--name/refs/${ref}`, commit(digit));
      const expected = { model_id: 'org/name', revision: commit(digit) };
      expect(await locator.locate({ model_id: 'org/name', revision: ref })).toMatchObject(expected);
      expect(await locator.locate({ model_id: 'org/name', revision: commit(digit) })).toMatchObject(expected);
    }
    expect(await locator.locate({ model_id: 'org/name' })).toMatchObject({ revision: commit('a') });
    // A folder of references is none.
    const { code } = await failure(locator.locate({ model_id: 'org/name', revision: 'refs/pr' }));
    expect(code).toBe('CANDLE_MODEL_NOT_FOUND');
  });

  it('keeps to the hub when a revision is asked for, since a plain folder has none', async () => {
    await folder.write('models/org/name/model.onnx', 'x');
    const { code, message } = await failure(locator.locate({ model_id: 'org/name', revision: 'main' }));
    expect(code).toBe('CANDLE_MODEL_NOT_FOUND');
    expect(message).toContain('no revision main of org/name');
  });

  it('does not follow links of the cache, so that weights beside them are found', async () => {
    await folder.write('hub/models--org--name/blobs/1234', 'x');
    const snapshot = `hub/models--org--name/snapshots/${commit('a')}`;
    await folder.write(`${snapshot}/config.json`, '{}');
    await symlink('../../blobs/1234', join(folder.path, snapshot, 'model.onnx'));
    const found = await locator.locate({ model_id: 'org/name', revision: commit('a') });
    expect(found.path).toBe(join(folder.path, snapshot, 'model.onnx'));
  });

  it('says where it looked when there is no such model', async () => {
    const { code, message } = await failure(locator.locate({ model_id: 'org/none' }));
    expect(code).toBe('CANDLE_MODEL_NOT_FOUND');
    for (const place of [
      'models/org/none/onnx/model.onnx',
      'models/org/none.onnx',
      'hub/models--org--none',
    ]) {
      expect(message).toContain(place);
    }
    expect(message).not.toContain(folder.path);
  });

  it('names the revisions there are when the cache has no main', async () => {
    await folder.write(`hub/models--org--name/snapshots/${commit('d')}/model.onnx`, 'x');
    expect((await failure(locator.locate({ model_id: 'org/name' }))).message).toContain(commit('d'));
  });

  it('takes the bare name when it fits one model, and asks which one when it fits several', async () => {
    await folder.write('models/one/name/model.onnx', 'x');
    expect(await locator.locate({ model_id: 'name' })).toMatchObject({ model_id: 'one/name' });
    await folder.write('bundled/two/name/model.onnx', 'x');
    const { code, message } = await failure(locator.locate({ model_id: 'name' }));
    expect(code).toBe('CANDLE_MODEL_AMBIGUOUS');
    expect(message).toContain('one/name, two/name');
    await folder.write('models/name.onnx', 'x');
    expect(await locator.locate({ model_id: 'name' })).toMatchObject({ model_id: 'name' });
  });

  it.each([
    '..',
    '../secret',
    'org/..',
    '../../etc/passwd',
    'org/../../secret',
    '/etc/passwd',
    'org//name',
    'org/name/more',
    '.hidden/name',
    'org/.hidden',
    'a..b/c',
    'models--org--name',
    'org\\name',
    'org/name\0',
    'org/na me',
    'org/name\n',
    '',
    'x'.repeat(97),
  ])('refuses the id %j before it touches the disk', async (model_id) => {
    await folder.write('secret/model.onnx', 'x');
    await folder.write('models/keep', 'x');
    const { code } = await failure(locator.locate({ model_id }));
    expect(code).toBe('INVALID_PAYLOAD');
  });

  it.each(['../main', 'refs/../../x', '/main', 'a//b', '.x', '', 'x'.repeat(65)])(
    'refuses the revision %j',
    async (revision) => {
      const { code } = await failure(locator.locate({ model_id: 'org/name', revision }));
      expect(code).toBe('INVALID_PAYLOAD');
    },
  );

  it('gives a file that was replaced another identity', async () => {
    await folder.write('models/m.onnx', 'one');
    const { identity } = await locator.locate({ model_id: 'm' });
    await folder.write('models/m.onnx', 'another');
    expect((await locator.locate({ model_id: 'm' })).identity).not.toBe(identity);
  });
});

describe('listing models', () => {
  it('names each file once, and every revision in the cache', async () => {
    await folder.write('models/plain/model.onnx', 'x');
    await folder.write('models/plain/onnx/model.onnx', 'x');
    await folder.write('models/org/file.onnx', 'x');
    await folder.write('models/org/readme.txt', 'x');
    await folder.write('bundled/bkg/shipped/model.onnx', 'x');
    for (const digit of ['a', 'b']) {
      await folder.write(`hub/models--org--cached/snapshots/${commit(digit)}/model.onnx`, 'x');
    }
    await folder.write('hub/models--org--tokenizer/snapshots/x/tokenizer.json', 'x');
    const listed = (await locator.list()).map(({ model_id, revision, source }) => [
      source,
      model_id,
      revision,
    ]);
    expect(listed).toEqual([
      ['models', 'org/file', undefined],
      ['models', 'plain', undefined],
      ['models', 'plain/model', undefined],
      ['hub', 'org/cached', commit('a')],
      ['hub', 'org/cached', commit('b')],
      ['bundled', 'bkg/shipped', undefined],
    ]);
  });

  it('is empty when there is nothing', async () => {
    expect(await locator.list()).toEqual([]);
  });
});
