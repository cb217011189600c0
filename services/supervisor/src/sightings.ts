import { decodeDescriptor } from '@bkg/sdk';
import type { Descriptor } from '@bkg/sdk';
import { now } from './clock.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';
import type { Questions } from './questions.ts';
import { fitDescriptor } from './fit-descriptor.ts';
import { looksTheSame } from './sighting.ts';
import type { Sighting } from './sighting.ts';

export interface SightingsOptions {
  plugins: Plugins;
  questions: Pick<Questions, 'mayAsk' | 'ask' | 'onFree'>;
  /** How large what one instance says of itself may be, as JSON. */
  descriptorMostBytes: () => number;
  /** It says more. @param text as a line in its log */
  onTooMuch: (id: string, instance: string, text: string) => void;
  /** A managed instance has said what it can do. */
  onDescriptor: (plugin: Plugin, descriptor: Descriptor) => void;
}

/** Of one plugin; each costs a line of the registry's entry. */
const instancesMost = 256;
const describeEveryMs = 1_000;

/** Takes what instances show of themselves, and asks those of whom it is not known what they can do. */
export class Sightings {
  readonly #options: SightingsOptions;
  /** Too much was asked when they were to be: in a large mesh their next event would be long in coming. */
  readonly #waiting = new Map<string, { id: string; instance: string }>();

  constructor(options: SightingsOptions) {
    this.#options = options;
    options.questions.onFree = () => this.#askWaiting();
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
    const { instance } = sighting;
    plugin.sightings.set(instance, sighting);
    plugin.managed.get(instance)?.hear(sighting);
    if (!looksTheSame(before, sighting)) this.#options.plugins.changed(plugin.id);
    this.describe(plugin.id, sighting);
  }

  /** Asks an instance what it can do, unless that is known. */
  describe(id: string, sighting: Sighting): void {
    const { status } = sighting;
    const isLeaving = status === 'stopping' || status === 'stopped';
    const isDescribed = sighting.describedHash === (sighting.descriptorHash ?? '');
    // Who changes all the time is read now and then.
    const isDue = now() - (sighting.describedAt ?? -Infinity) >= describeEveryMs;
    if (!isLeaving && !isDescribed && isDue) void this.#ask(id, sighting);
  }

  /** What an INFO reply says of an instance; undefined when it is no plugin's. */
  read(id: string, instance: string, info: unknown): Descriptor | undefined {
    const said = decodeDescriptor(info);
    if (!said) return undefined;
    const mostBytes = this.#options.descriptorMostBytes();
    const { descriptor, leftOut } = fitDescriptor(said, mostBytes);
    if (leftOut) {
      const text = `what it says of itself is too large for the registry, which takes ${mostBytes} bytes`;
      this.#options.onTooMuch(id, instance, `${text}: ${leftOut} left out`);
    }
    return descriptor;
  }

  #askWaiting(): void {
    const { plugins, questions } = this.#options;
    for (const [key, { id, instance }] of this.#waiting) {
      const sighting = plugins.get(id)?.sightings.get(instance);
      const isManaged = plugins.get(id)?.managed.has(instance);
      if (sighting && !questions.mayAsk('INFO', id, instance, isManaged)) return;
      this.#waiting.delete(key);
      if (sighting) this.describe(id, sighting);
    }
  }

  async #ask(id: string, asked: Sighting): Promise<void> {
    const { instance, descriptorHash = '' } = asked;
    const { plugins, questions, onDescriptor } = this.#options;
    const isManaged = plugins.get(id)?.managed.has(instance);
    if (!questions.mayAsk('INFO', id, instance, isManaged)) {
      this.#waiting.set(`${id} ${instance}`, { id, instance });
      return;
    }
    const info = await questions.ask('INFO', id, instance);
    if (!info) {
      // Nobody may have been there yet, and what was heard meanwhile has asked nothing: this was still asked.
      const latest = plugins.get(id)?.sightings.get(instance);
      if (latest && latest !== asked) this.describe(id, latest);
      return;
    }
    const descriptor = this.read(id, instance, info);
    this.change(id, instance, (before) => ({
      ...before,
      describedHash: descriptorHash,
      describedAt: now(),
      ...(descriptor && { descriptor }),
    }));
    const plugin = plugins.get(id);
    if (descriptor && plugin?.managed.has(instance)) onDescriptor(plugin, descriptor);
  }
}
