import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsent } from './absent.ts';
import { candleError } from './errors.ts';
import { checkRef, isModelId, type ModelRef } from './model-id.ts';

/** Put under models/, downloaded into the hub's cache, or shipped with candle. */
export const modelSources = ['models', 'hub', 'bundled'] as const;
export type ModelSource = (typeof modelSources)[number];

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
  /** Takes the id as it stands, never a name for a longer one. Undefined when there is no such model. */
  find: (ref: ModelRef) => Promise<ModelFile | undefined>;
  /** Every model on disk that a caller can ask for, in the hub each revision of it; of thousands, the first. */
  list: () => Promise<ModelFile[]>;
}

/** Where a checkout has its model: as Hugging Face's exporters write it, or at the top. */
const modelFiles = ['onnx/model.onnx', 'model.onnx'];
const commit = /^[0-9a-f]{40}$/;
const MAX_LISTED = 1000;
const REPOSITORY_PREFIX = 'models--';

const repositoryOf = (id: string): string => REPOSITORY_PREFIX + id.replace('/', '--');

/**
 * Finds models below `homeDir` (BKG_HOME) in this order: models/<id>/, models/<id>.onnx,
 * hub/models--<org>--<name>/snapshots/<commit>/, and last the folder that candle ships.
 */
export function createLocator({ homeDir, bundledDir }: { homeDir: string; bundledDir: string }): Locator {
  const modelsDir = join(homeDir, 'models');
  const hubDir = join(homeDir, 'hub');

  async function find(ref: ModelRef): Promise<ModelFile | undefined> {
    // A plain folder has no revisions: who asks for one means the hub.
    if (ref.revision !== undefined) return inHub(hubDir, ref);
    return (
      (await inFolder(modelsDir, ref.model_id, 'models')) ??
      (await inHub(hubDir, ref)) ??
      (await inFolder(bundledDir, ref.model_id, 'bundled'))
    );
  }

  async function ids(): Promise<string[]> {
    const repositories = (await names(hubDir))
      .filter((name) => name.startsWith(REPOSITORY_PREFIX))
      .map((name) => name.slice(REPOSITORY_PREFIX.length).replace('--', '/'));
    const found = [...(await idsInFolder(modelsDir)), ...repositories, ...(await idsInFolder(bundledDir))];
    return [...new Set(found)].filter(isModelId).slice(0, MAX_LISTED);
  }

  /** By the name without its organisation. */
  async function byName(ref: ModelRef): Promise<ModelFile[]> {
    const fitting = (await ids()).filter((id) => id.endsWith(`/${ref.model_id}`));
    const files = await Promise.all(fitting.map((model_id) => find({ ...ref, model_id })));
    return withoutDoubles(files.filter((file) => file !== undefined));
  }

  return {
    find,
    async locate(ref) {
      checkRef(ref);
      const found = await find(ref);
      if (found) return found;
      const files = ref.model_id.includes('/') ? [] : await byName(ref);
      if (files.length > 1) {
        const choice = files.map(({ model_id }) => model_id).join(', ');
        const message = `several models are called ${ref.model_id}: say which of ${choice}`;
        throw candleError('CANDLE_MODEL_AMBIGUOUS', message);
      }
      if (files[0]) return files[0];
      throw notFound(ref, await snapshots(hubDir, ref.model_id));
    },
    async list() {
      const files: ModelFile[] = [];
      for (const model_id of await ids()) {
        const file = await find({ model_id });
        if (file && file.source !== 'hub') files.push(file);
        for (const revision of await snapshots(hubDir, model_id)) {
          const inCache = await inHub(hubDir, { model_id, revision });
          if (inCache) files.push(inCache);
        }
        if (files.length >= MAX_LISTED) break;
      }
      return withoutDoubles(files);
    },
  };
}

/** Of several names for one file the first. */
const withoutDoubles = (files: ModelFile[]): ModelFile[] =>
  [...Map.groupBy(files, ({ path }) => path).values()].map(([first]) => first!);

async function inFolder(folder: string, id: string, source: ModelSource): Promise<ModelFile | undefined> {
  for (const candidate of [...modelFiles.map((file) => join(id, file)), `${id}.onnx`]) {
    const file = await fileAt(join(folder, candidate));
    if (file) return { model_id: id, source, ...file };
  }
  return undefined;
}

async function inHub(
  hubDir: string,
  { model_id, revision = 'main' }: ModelRef,
): Promise<ModelFile | undefined> {
  const repository = join(hubDir, repositoryOf(model_id));
  const hash = commit.test(revision) ? revision : await readRef(join(repository, 'refs', revision));
  if (hash === undefined) return undefined;
  for (const candidate of modelFiles) {
    // Not resolved to the blob behind the link: weights in separate files lie beside the link.
    const file = await fileAt(join(repository, 'snapshots', hash, candidate));
    if (file) return { model_id, revision: hash, source: 'hub', ...file };
  }
  return undefined;
}

/** The commits of which the hub's cache has something. */
const snapshots = async (hubDir: string, id: string): Promise<string[]> =>
  (await names(join(hubDir, repositoryOf(id), 'snapshots'))).filter((name) => commit.test(name));

async function readRef(path: string): Promise<string | undefined> {
  try {
    const hash = (await readFile(path, 'utf8')).trim();
    return commit.test(hash) ? hash : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function fileAt(
  path: string,
): Promise<{ path: string; sizeBytes: number; identity: string } | undefined> {
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

function notFound({ model_id, revision }: ModelRef, commits: string[]): Error {
  const hub = `hub/${repositoryOf(model_id)}/snapshots/`;
  const known =
    commits.length > 0 ? `; there is ${commits.slice(0, 3).join(', ')}: name one as "revision"` : '';
  if (revision !== undefined) {
    return candleError(
      'CANDLE_MODEL_NOT_FOUND',
      `no revision ${revision} of ${model_id}: nothing with ${modelFiles.join(' or ')} under ${hub}${known}`,
    );
  }
  const checkouts = modelFiles.map((file) => `models/${model_id}/${file}`);
  const places = [...checkouts, `models/${model_id}.onnx`, `${hub} (refs/main)`];
  return candleError(
    'CANDLE_MODEL_NOT_FOUND',
    `no model ${model_id}: looked in the data folder for ${places.join(', ')}${known}. Put the file there; model.list shows what there is`,
  );
}
