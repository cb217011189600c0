import { writeFileSync } from 'node:fs';
import type { Logger, PluginConfig } from '@bkg/sdk';
import { now } from './clock.ts';
import { instanceFiles, removeFiles, writeRecord } from './instance-record.ts';
import type { InstanceFiles, InstanceRecord } from './instance-record.ts';

/** The record of an instance, with what a successor of ours goes on from on the disk; what cannot be written is said. */
export class KeptRecord {
  readonly #files: InstanceFiles;
  readonly #log: Logger;
  #value: Readonly<InstanceRecord>;
  /** What comes later, as the outcome of a trial, must not bring it back. */
  #isRemoved = false;

  constructor(value: InstanceRecord, runFolder: string, log: Logger) {
    this.#value = value;
    this.#files = instanceFiles(runFolder, value.instance);
    this.#log = log;
  }

  get value(): Readonly<InstanceRecord> {
    return this.#value;
  }

  set(value: InstanceRecord): void {
    this.#value = value;
    this.save();
  }

  /** @param more what else changes with its status */
  become(status: InstanceRecord['status'], more: Partial<InstanceRecord> = {}): void {
    this.set({ ...this.#value, ...more, status, since: new Date(now()).toISOString() });
  }

  save(): void {
    if (this.#isRemoved) return;
    try {
      writeRecord(this.#files.record, this.#value);
    } catch (error) {
      this.#say(error, 'the record of an instance cannot be written');
    }
  }

  /** Writes down with which configuration it runs. */
  configure(config: PluginConfig): void {
    if (this.#isRemoved) return;
    try {
      // In its place: a sandbox lets it read this file and no other. A half of it counts as none.
      writeFileSync(this.#files.config, JSON.stringify(config), { mode: 0o600, flush: true });
    } catch (error) {
      // A successor gives it once more.
      this.#say(error, 'its configuration cannot be written down');
    }
  }

  /** The instance is gone. */
  remove(): void {
    this.#isRemoved = true;
    try {
      removeFiles(this.#files);
    } catch (error) {
      // A successor does it.
      this.#say(error, 'the files of an instance cannot be removed');
    }
  }

  #say(error: unknown, text: string): void {
    this.#log.error({ error, instance: this.#value.instance }, text);
  }
}
