import { decodeDescriptor } from '@bkg/sdk';
import type { Descriptor } from '@bkg/sdk';
import { now } from './clock.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { Questions } from './questions.ts';
import { looksTheSame } from './sighting.ts';
import type { Sighting } from './sighting.ts';

export interface SightingsOptions {
  plugins: Plugins;
  questions: Questions;
  /** A managed instance has said what it can do. */
  onDescriptor: (plugin: Plugin, descriptor: Descriptor) => void;
}

/** Of one plugin; each costs a line of the registry's entry. */
const instancesMost = 256;

/** Takes what instances show of themselves, and asks those of whom it is not known what they can do. */
export class Sightings {
  readonly #options: SightingsOptions;

  constructor(options: SightingsOptions) {
    this.#options = options;
  }

  /** An instance was seen, perhaps for the first time. */
  see(id: string, instance: string, change: (before: Sighting | undefined) => Sighting): void {
    const { plugins } = this.#options;
    const known = plugins.get(id);
    const before = known?.sightings.get(instance);
    if (!before && (known ? known.sightings.size >= instancesMost : !plugins.hasRoom)) return;
    this.#set(known ?? plugins.ensure(id), before, change(before));
  }

  /** Something was learned of an instance, which may have gone meanwhile. */
  change(id: string, instance: string, change: (before: Sighting) => Sighting): void {
    const plugin = this.#options.plugins.get(id);
    const before = plugin?.sightings.get(instance);
    if (plugin && before) this.#set(plugin, before, change(before));
  }

  /** Nobody is late whom we could not hear; who was silent before has its time anew. */
  forgive(): void {
    const at = now();
    for (const plugin of this.#options.plugins.all()) {
      for (const before of plugin.sightings.values()) {
        if (before.silentSince === undefined) before.heardAt = at;
        else this.#set(plugin, before, { ...before, heardAt: at, silentSince: at });
      }
    }
  }

  #set(plugin: Plugin, before: Sighting | undefined, sighting: Sighting): void {
    const { instance, status } = sighting;
    plugin.sightings.set(instance, sighting);
    plugin.managed.get(instance)?.hear(sighting);
    if (!looksTheSame(before, sighting)) this.#options.plugins.changed(plugin.id);
    const isLeaving = status === 'stopping' || status === 'stopped';
    const isDescribed = sighting.describedHash === (sighting.descriptorHash ?? '');
    if (!isLeaving && !isDescribed) void this.#describe(plugin.id, sighting);
  }

  async #describe(id: string, { instance, descriptorHash = '' }: Sighting): Promise<void> {
    const { plugins, questions, onDescriptor } = this.#options;
    // The next event of the instance asks again.
    if (!questions.mayAsk('INFO', id, instance)) return;
    const info = await questions.ask('INFO', id, instance);
    if (!info) return;
    const descriptor = decodeDescriptor(info);
    this.change(id, instance, (before) => ({
      ...before,
      describedHash: descriptorHash,
      ...(descriptor && { descriptor }),
    }));
    const plugin = plugins.get(id);
    if (descriptor && plugin?.managed.has(instance)) onDescriptor(plugin, descriptor);
  }
}
