import type { PluginConfig, Sandbox } from '@bkg/sdk/protocol';
import { SvelteSet } from 'svelte/reactivity';
import { noDrafts, type Version } from '../edit-history.ts';
import { Payload } from '../payload.svelte.ts';
import { diffConfigs } from './config-diff.ts';
import {
  editsOf,
  isUnsaved,
  readEdits,
  rebaseEdits,
  type ConfigEdits,
  type EditsRead,
  type EnvRow,
  type MemberPath,
  type NumberPath,
} from './config-edits.ts';

/** A configuration may hold secrets: what is typed stays in the page. */
const notKept = {
  read: (): Version | undefined => undefined,
  write: () => true,
  remove: () => undefined,
};

/** What was typed when it was sent. */
export interface Sent {
  edits: string;
  resets: readonly MemberPath[];
  why: string;
}

/** A configuration that is being changed, and the one it began from. */
export class ConfigDraft {
  base: PluginConfig;
  readonly settings: Payload;
  enabled: boolean;
  autostart: boolean;
  sandbox: Sandbox;
  numbers: Record<NumberPath, string>;
  env: EnvRow[];
  why = $state('');
  readonly resets = new SvelteSet<MemberPath>();

  constructor(config: PluginConfig) {
    const edits = editsOf(config);
    this.base = $state.raw(config);
    this.settings = new Payload(config.id, 'settings', notKept);
    this.settings.sample = edits.settings;
    this.enabled = $state(edits.enabled);
    this.autostart = $state(edits.autostart);
    this.sandbox = $state(edits.sandbox);
    this.numbers = $state({ ...edits.numbers });
    this.env = $state([...edits.env]);
  }

  /** What is to be saved. Made anew each time: a draft outlives the pages that show it, and what they derive. */
  read(): EditsRead {
    return readEdits(this.base, this.#edits);
  }

  /** Somebody else has written a newer one while this was changed. */
  isBehind(config: PluginConfig): boolean {
    return config.revision > this.base.revision;
  }

  /** Takes over what is known of the configuration, as long as nothing of anybody gets lost. */
  follow(config: PluginConfig): void {
    if (!this.isBehind(config)) return;
    const isMissing =
      isUnsaved(this.read()) && isUnsaved(readEdits(config, rebaseEdits(this.base, config, this.#edits)));
    if (!isMissing) this.begin(config);
    else if (diffConfigs(this.base, config).length === 0) this.rebase(config);
  }

  /** Anew from this one. */
  begin(config: PluginConfig): void {
    this.base = config;
    this.resets.clear();
    this.#put(editsOf(config));
  }

  /** The changes made here on top of this one. */
  rebase(config: PluginConfig): void {
    const edits = rebaseEdits(this.base, config, this.#edits);
    this.base = config;
    this.#put(edits);
  }

  /** What is typed now, for `settle`. */
  get sent(): Sent {
    const resets = [...this.resets];
    return { edits: JSON.stringify({ ...this.#edits, resets }), resets, why: this.why };
  }

  /** What was sent is saved, as this one; what has been typed since stays. */
  settle(config: PluginConfig, { edits, resets, why }: Sent): void {
    if (this.why === why) this.why = '';
    if (this.sent.edits === edits) return this.begin(config);
    for (const path of resets) this.resets.delete(path);
    this.rebase(config);
  }

  get #edits(): ConfigEdits {
    return {
      enabled: this.enabled,
      autostart: this.autostart,
      sandbox: this.sandbox,
      numbers: this.numbers,
      env: this.env,
      settings: this.settings.text,
      resets: this.resets,
    };
  }

  #put(edits: ConfigEdits): void {
    this.enabled = edits.enabled;
    this.autostart = edits.autostart;
    this.sandbox = edits.sandbox;
    this.numbers = { ...edits.numbers };
    this.env = [...edits.env];
    this.settings.sample = editsOf(this.base).settings;
    if (edits.settings !== this.settings.text || this.settings.drafts.size > 0)
      this.settings.change({ text: edits.settings, drafts: noDrafts });
  }
}
