import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { candleError } from './errors.ts';
import { checkRef, isModelId, type ModelRef } from './model-id.ts';

export type ModelSource = 'models' | 'hub' | 'bundled';

/** A model found on disk. `model_id` is the full one, whatever it was asked by; `revision` the commit, in the hub only. */
export interface ModelFile extends ModelRef {
  source: ModelSource;
  path: string;
  sizeBytes: number;
  /** Changes when the file does: a resident model of another identity is out of date. */
  identity: string;
}

export interface Locator {
  /** Throws INVALID_PAYLOAD, CANDLE_MODEL_NOT_FOUND or CANDLE_MODEL_AMBIGUOUS. */
  locate: (ref: ModelRef) => Promise<ModelFile>;
  /** Every model on disk, at most 1,000, each as `locate` would find it without a revision. */
  list: () => Promise<ModelFile[]>;
}

/** Where a checkout has its model: as Hugging Face's exporters write it, or at the top. */
const modelFiles = ['onnx/model.onnx', 'model.onnx'];
const commit = /^[0-9a-f]{40}$/;
const MAX_LISTED = 1000;

/**
 * Finds models below `homeDir` (BKG_HOME) in this order: models/<id>/, models/<id>.onnx,
 * hub/models--<org>--<name>/snapshots/<commit>/, and last the folder that candle ships.
 */
export function createLocator({ homeDir, bundledDir }: { homeDir: string; bundledDir: string }): Locator {
  const modelsDir = join(homeDir, 'models');
  const hubDir = join(homeDir, 'hub');

  async function exact(ref: ModelRef): Promise<ModelFile | undefined> {
    // A plain folder has no revisions: who asks for one means the hub.
    if (ref.revision !== undefined) return inHub(hubDir, ref);
    return (
      (await inFolder(modelsDir, ref.model_id, 'models')) ??
      (await inHub(hubDir, ref)) ??
      (await inFolder(bundledDir, ref.model_id, 'bundled'))
    );
  }

  async function ids(): Promise<string[]> {
    const found = [
      ...(await idsInFolder(modelsDir)),
      ...(await names(hubDir))
        .filter((name) => name.startsWith('models--'))
        .map((name) => name.slice('models--'.length).replace('--', '/')),
      ...(await idsInFolder(bundledDir)),
    ];
    return [...new Set(found)].filter(isModelId).slice(0, MAX_LISTED);
  }

  return {
    async locate(ref) {
      checkRef(ref);
      const found = await exact(ref);
      if (found) return found;
      const candidates = ref.model_id.includes('/')
        ? []
        : (await ids()).filter((id) => id.endsWith(`/${ref.model_id}`));
      const files = (await Promise.all(candidates.map((id) => exact({ ...ref, model_id: id })))).filter(
        (file) => file !== undefined,
      );
      if (files.length > 1) {
        const choice = files.map(({ model_id }) => model_id).join(', ');
        throw candleError('CANDLE_MODEL_AMBIGUOUS', `several models are called ${ref.model_id}: say which of ${choice}`);
      }
      if (files[0]) return files[0];
      throw notFound(ref);
    },
    async list() {
      const files: ModelFile[] = [];
      for (const id of await ids()) {
        const file = await exact({ model_id: id });
        if (file) files.push(file);
      }
      return files;
    },
  };
}

async function inFolder(folder: string, id: string, source: ModelSource): Promise<ModelFile | undefined> {
  for (const candidate of [...modelFiles.map((file) => join(id, file)), `${id}.onnx`]) {
    const file = await fileAt(join(folder, candidate));
    if (file) return { model_id: id, source, ...file };
  }
  return undefined;
}

async function inHub(hubDir: string, { model_id, revision = 'main' }: ModelRef): Promise<ModelFile | undefined> {
  const repository = join(hubDir, `models--${model_id.replace('/', '--')}`);
  const hash = commit.test(revision) ? revision : await readRef(join(repository, 'refs', revision));
  if (hash === undefined) return undefined;
  for (const candidate of modelFiles) {
    // Not resolved to the blob behind the link: weights in separate files lie beside the link.
    const file = await fileAt(join(repository, 'snapshots', hash, candidate));
    if (file) return { model_id, revision: hash, source: 'hub', ...file };
  }
  return undefined;
}

async function readRef(path: string): Promise<string | undefined> {
  try {
    const hash = (await readFile(path, 'utf8')).trim();
    return commit.test(hash) ? hash : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function fileAt(path: string): Promise<{ path: string; sizeBytes: number; identity: string } | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return undefined;
    return { path, sizeBytes: found.size, identity: `${path}:${found.ino}:${found.size}:${found.mtimeMs}` };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function idsInFolder(folder: string): Promise<string[]> {
  const ids: string[] = [];
  for (const org of await names(folder)) {
    ids.push(org.replace(/\.onnx$/, ''));
    for (const name of await names(join(folder, org))) ids.push(`${org}/${name.replace(/\.onnx$/, '')}`);
  }
  return ids;
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

function notFound({ model_id, revision }: ModelRef): Error {
  const hub = `hub/models--${model_id.replace('/', '--')}/snapshots/`;
  if (revision !== undefined) {
    return candleError(
      'CANDLE_MODEL_NOT_FOUND',
      `no revision ${revision} of ${model_id}: nothing with ${modelFiles.join(' or ')} under ${hub}. ` +
        'Download it, or leave the revision out',
    );
  }
  const places = [`models/${model_id}/${modelFiles[0]}`, `models/${model_id}/${modelFiles[1]}`, `models/${model_id}.onnx`, hub];
  return candleError(
    'CANDLE_MODEL_NOT_FOUND',
    `no model ${model_id}: looked in the data folder for ${places.join(', ')}. Put the file there or download it; model.list shows what there is`,
  );
}
