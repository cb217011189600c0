import type { ModelFile, ModelSource } from './locator.ts';
import { keyOf, type ModelRef } from './model-id.ts';
import type { Resident } from './model-pool.ts';
import type { Pin } from './pins.ts';
import { portJson } from './signature.ts';

/**
 * What an instance knows about one model: `on_disk` means that the first use loads it, `failed` that the last load did
 * not work or the process ended too often, `missing` that it is pinned and nowhere to be found.
 */
export const modelStates = ['on_disk', 'loading', 'loaded', 'failed', 'missing'] as const;
export type ModelState = (typeof modelStates)[number];

export interface ModelEntry extends ModelRef {
  state: ModelState;
  pinned: boolean;
  source?: ModelSource;
  size_bytes?: number;
  /** Of its process. */
  pid?: number;
  queued?: number;
  loaded_at?: string;
  last_used_at?: string;
  inputs?: ReturnType<typeof portJson>[];
  outputs?: ReturnType<typeof portJson>[];
  error?: string;
}

export interface InventoryParts {
  files: ModelFile[];
  pins: { pin: Pin; file?: ModelFile }[];
  residents: Resident[];
  problemOf: (file: ModelFile) => string | undefined;
}

/** Every model that is on disk, pinned or in memory, once, sorted by id. */
export function createInventory({ files, pins, residents, problemOf }: InventoryParts): ModelEntry[] {
  const pinned = new Set(pins.map(({ pin, file }) => keyOf(file ?? pin)));
  const found = new Map<string, ModelFile>();
  const pinnedFiles = pins.flatMap(({ file }) => (file ? [file] : []));
  // What is in memory may have left the disk.
  for (const file of [...files, ...pinnedFiles, ...residents.map(({ model }) => model.file)]) {
    if (!found.has(keyOf(file))) found.set(keyOf(file), file);
  }
  const byKey = new Map(residents.map((resident) => [resident.model.key, resident]));
  const entries = [...found].map(([key, file]): ModelEntry => {
    const resident = byKey.get(key);
    const error = problemOf(file);
    return {
      ...refOf(file),
      state: error === undefined ? stateOf(resident) : 'failed',
      pinned: pinned.has(key),
      source: file.source,
      size_bytes: file.sizeBytes,
      ...(resident && describeResident(resident)),
      ...(error !== undefined && { error }),
    };
  });
  const missing = pins
    .filter(({ file }) => file === undefined)
    .map(({ pin }): ModelEntry => ({ ...refOf(pin), state: 'missing', pinned: true }));
  return [...entries, ...missing].sort((a, b) => compare(keyOf(a), keyOf(b)));
}

/** As a model is named in answers. */
export const refOf = ({ model_id, revision }: ModelRef): ModelRef => ({
  model_id,
  ...(revision !== undefined && { revision }),
});

function stateOf(resident: Resident | undefined): ModelState {
  if (resident === undefined) return 'on_disk';
  return resident.model.pid === undefined ? 'loading' : 'loaded';
}

function describeResident({ model, loadedAt, lastUsedAt }: Resident): Partial<ModelEntry> {
  const { signature } = model;
  return {
    ...(model.pid !== undefined && { pid: model.pid }),
    queued: model.queued,
    ...(loadedAt !== undefined && { loaded_at: new Date(loadedAt).toISOString() }),
    last_used_at: new Date(lastUsedAt).toISOString(),
    ...(signature && { inputs: signature.inputs.map(portJson), outputs: signature.outputs.map(portJson) }),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
