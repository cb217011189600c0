import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createValidator, isPluginId, schemaOf } from '@bkg/sdk';
import type { InstanceEnd, Logger } from '@bkg/sdk';
import { writeWhole } from '@bkg/sdk/host';
import { now } from './clock.ts';
import { noSetback } from './plugin.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { FailedInstance } from './shown-instance.ts';
import { removeStray } from './stray-files.ts';

/** `run/failures/<plugin>.json`. */
interface KeptFailures {
  failures: number;
  failed_at: number;
  /** Absent: it stays down. */
  launch_from?: number;
  failed?: FailedInstance;
  ends: InstanceEnd[];
}

const endErrors = createValidator(schemaOf('InstanceEnd'));

/**
 * What has failed, on the disk: a supervisor that takes over must not start again what was given up, and shows why. When
 * the mesh is stopped in order it is forgotten: whoever starts it again wants everything tried anew.
 */
export class FailureStore {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #kept = new Map<string, Pick<Plugin, 'setback' | 'ends'>>();
  #saidFailure = false;

  constructor(runFolder: string, log: Logger) {
    this.#folder = path.join(runFolder, 'failures');
    this.#log = log;
  }

  /** Gives the plugins what an earlier supervisor has kept of them. */
  load(plugins: Pick<Plugins, 'ensure'>): void {
    // Made with the first failure.
    const entries = existsSync(this.#folder) ? readdirSync(this.#folder, { withFileTypes: true }) : [];
    for (const entry of entries) {
      const { name } = entry;
      const id = path.basename(name, '.json');
      const kept = entry.isFile() && isPluginId(id) ? this.#read(id) : undefined;
      if (kept) {
        const plugin = plugins.ensure(id);
        plugin.setback = {
          failures: kept.failures,
          launchFrom: kept.launch_from ?? Infinity,
          failedAt: kept.failed_at,
        };
        plugin.failed = kept.failed;
        plugin.ends = kept.ends;
        this.#kept.set(id, { setback: plugin.setback, ends: plugin.ends });
      } else removeStray(path.join(this.#folder, name), this.#log);
    }
  }

  /** Keeps what has changed of a plugin. */
  keep({ id, setback, failed, ends }: Plugin): void {
    const before = this.#kept.get(id);
    const isSame = (before?.setback ?? noSetback) === setback;
    // Its last output is known a moment later.
    if (isSame && (setback.failures === 0 || before?.ends === ends)) return;
    this.#kept.set(id, { setback, ends });
    const { failures, launchFrom, failedAt } = setback;
    const kept: KeptFailures = {
      failures,
      failed_at: failedAt,
      ...(launchFrom < Infinity && { launch_from: launchFrom }),
      ...(failed && { failed }),
      ends: [...ends],
    };
    try {
      if (failures === 0) this.#remove(id);
      else {
        // What a plugin has printed may be nobody else's business.
        mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
        writeWhole(this.#file(id), JSON.stringify(kept), 0o600);
      }
      this.#saidFailure = false;
    } catch (error) {
      // Once: while the disk is full each failure comes here.
      if (!this.#saidFailure) this.#log.error({ error, plugin_id: id }, 'what failed cannot be written down');
      this.#saidFailure = true;
    }
  }

  /** A plugin is not there any more. */
  forget(id: string): void {
    if (!this.#kept.delete(id)) return;
    try {
      this.#remove(id);
    } catch (error) {
      this.#log.error({ error, plugin_id: id }, 'what failed of a plugin that has gone cannot be removed');
    }
  }

  forgetAll(): void {
    removeStray(this.#folder, this.#log);
    this.#kept.clear();
  }

  /** The folder goes with the last. */
  #remove(id: string): void {
    rmSync(this.#file(id), { recursive: true, force: true });
    if (existsSync(this.#folder) && readdirSync(this.#folder).length === 0)
      rmSync(this.#folder, { recursive: true, force: true });
  }

  #file(id: string): string {
    return path.join(this.#folder, `${id}.json`);
  }

  #read(id: string): KeptFailures | undefined {
    try {
      const value = JSON.parse(readFileSync(this.#file(id), 'utf8')) as Partial<KeptFailures>;
      const { failures, failed_at, launch_from = 0, failed, ends } = value;
      const isWhole =
        Number.isSafeInteger(failures) &&
        Number.isFinite(failed_at) &&
        Number.isFinite(launch_from) &&
        (failed === undefined || isFailedInstance(failed)) &&
        Array.isArray(ends) &&
        ends.every((one) => endErrors(one).length === 0);
      // A plan from before a restart of the machine may lie far ahead of its clock.
      return isWhole && launch_from - now() < 3_600_000 ? (value as KeptFailures) : undefined;
    } catch {
      // Ours are written whole: this one is somebody else's, and goes.
      return undefined;
    }
  }
}

function isFailedInstance(value: unknown): boolean {
  const { instance, version, startedAt, error } = Object(value) as Record<string, unknown>;
  return [instance, version, startedAt, error].every((one) => typeof one === 'string');
}
