import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsent } from './absent.ts';
import { isModelId, isRevision, keyOf, type ModelRef } from './model-id.ts';

export interface Pin extends ModelRef {
  /** Milliseconds since 1970; a second model.load renews it. */
  pinnedAt: number;
}

export interface Pins {
  list: () => Promise<Pin[]>;
  add: (ref: ModelRef) => Promise<void>;
  /** False when it was not pinned. */
  remove: (ref: ModelRef) => Promise<boolean>;
}

const SUFFIX = '.pin';

/**
 * The pins that all instances of candle share: one empty file each, whose name says everything. Instances that write
 * at the same time cannot lose each other's pins, and there is no content that could be damaged.
 * `onOddity` hears of each file in the folder that is not a pin, once.
 */
export function createPins(folder: string, onOddity: (name: string) => void): Pins {
  const odd = new Set<string>();
  // Neither ids nor revisions contain "+".
  const pathOf = (ref: ModelRef): string => join(folder, keyOf(ref).replaceAll('/', '+') + SUFFIX);

  async function read(name: string): Promise<Pin | undefined> {
    const ref = refOf(name);
    if (ref === undefined) {
      if (!odd.has(name)) onOddity(name);
      odd.add(name);
      return undefined;
    }
    try {
      return { ...ref, pinnedAt: (await stat(join(folder, name))).mtimeMs };
    } catch (error) {
      if (isAbsent(error)) return undefined; // unpinned between the two calls
      throw error;
    }
  }

  return {
    async list() {
      const names = await readdir(folder).catch((error: unknown) => {
        if (isAbsent(error)) return [];
        throw error;
      });
      const pins = await Promise.all(names.sort().map(read));
      return pins.filter((pin) => pin !== undefined);
    },
    async add(ref) {
      await mkdir(folder, { recursive: true });
      const path = pathOf(ref);
      await writeFile(path, '', { flag: 'a' });
      const now = new Date();
      await utimes(path, now, now);
    },
    async remove(ref) {
      try {
        await rm(pathOf(ref));
        return true;
      } catch (error) {
        if (isAbsent(error)) return false;
        throw error;
      }
    },
  };
}

function refOf(name: string): ModelRef | undefined {
  if (!name.endsWith(SUFFIX)) return undefined;
  const [model_id = '', revision, ...rest] = name.slice(0, -SUFFIX.length).replaceAll('+', '/').split('@');
  if (rest.length > 0 || !isModelId(model_id)) return undefined;
  if (revision === undefined) return { model_id };
  return isRevision(revision) ? { model_id, revision } : undefined;
}
