import type { PluginConfig, PluginInfo, Problem } from '@bkg/sdk/protocol';
import { describePlugin } from '../plugins.ts';
import { problemOfError } from '../request.ts';
import { saveConfig } from './config-api.ts';
import { ConfigDraft, type Sent } from './config-draft.svelte.ts';
import { isOvertakenByStop } from '../rollout/refusal.ts';
import { wait } from '../wait.ts';
import { isTold, saveEffect, type SaveEffect } from './save-effect.ts';

/** The receipt comes over the socket, a little after the answer; what needs none has none. */
const receiptWithinMs = 2_000;
const lookEveryMs = 100;

export interface Saved {
  revision: number;
  /** Undefined until it is known. */
  effect?: SaveEffect;
}

export interface ConfigSessionOptions {
  /** What is known of the plugin. */
  info: () => PluginInfo | undefined;
  /** Takes over what an order learnt. */
  onPlugin: (plugin: PluginInfo) => void;
}

/** The configuration of one plugin as it is changed and saved here; it survives the pages that show it. */
export class ConfigSession {
  readonly draft: ConfigDraft;
  isSaving = $state(false);
  problem = $state.raw<Problem>();
  saved = $state.raw<Saved>();
  #id: string;
  #options: ConfigSessionOptions;

  constructor(config: PluginConfig, options: ConfigSessionOptions) {
    this.draft = new ConfigDraft(config);
    this.#id = config.id;
    this.#options = options;
  }

  /** Resolves when it is done, however it went. */
  async save(before: PluginInfo): Promise<void> {
    const { draft } = this;
    const { patch } = draft.read();
    const { sent } = draft;
    if (this.isSaving) return;
    this.isSaving = true;
    this.problem = undefined;
    this.saved = undefined;
    try {
      const config = await saveConfig(this.#id, {
        patch,
        revision: draft.base.revision,
        why: sent.why.trim(),
      });
      draft.settle(config, sent);
      this.saved = { revision: config.revision };
      void this.#learnEffect(before, this.saved);
    } catch (error) {
      await this.#learnFailure(problemOfError(error), sent);
    } finally {
      this.isSaving = false;
    }
  }

  async #learnFailure(problem: Problem, sent: Sent): Promise<void> {
    const isStopped = problem.code === 'CONFLICT' && isOvertakenByStop(problem.detail);
    if (!isStopped) this.problem = problem;
    const after = await this.#readAgain();
    if (!isStopped) return;
    // An order to stop ends the replacement of instances; what was saved stays.
    if (!after) {
      this.problem = problem;
      return;
    }
    this.draft.settle(after.config, sent);
    this.saved = { revision: after.config.revision, effect: { kind: 'later' } };
  }

  /** It may have been changed meanwhile, or be written all the same, and this page had not heard of it. */
  async #readAgain(): Promise<PluginInfo | undefined> {
    try {
      const plugin = await describePlugin(this.#id);
      this.#options.onPlugin(plugin);
      return plugin;
    } catch {
      // The problem of the order itself is shown.
      return undefined;
    }
  }

  async #learnEffect(before: PluginInfo, saved: Saved): Promise<void> {
    const effect = await this.#effect(before);
    if (this.saved === saved) this.saved = { ...saved, effect };
  }

  async #effect(before: PluginInfo): Promise<SaveEffect> {
    const late = AbortSignal.timeout(receiptWithinMs);
    while (!late.aborted) {
      const info = this.#options.info();
      if (info && isTold(before, info)) return saveEffect(before, info);
      await wait(lookEveryMs, late);
    }
    try {
      const after = await describePlugin(this.#id);
      this.#options.onPlugin(after);
      return saveEffect(before, after);
    } catch {
      // It is saved all the same; only how it took effect stays open.
      return { kind: 'unknown' };
    }
  }
}
