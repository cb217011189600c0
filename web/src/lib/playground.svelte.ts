import type { PluginCapability } from '@bkg/sdk/protocol';
import { SvelteMap } from 'svelte/reactivity';
import type { PartDraft } from './form/form-session.svelte.ts';
import { formatJson } from './json-text.ts';
import { invoke, type InvocationResult } from './invocation.ts';
import type { Schema } from './json-schema.ts';
import { problemOfError } from './request.ts';
import { sampleFromSchema } from './sample-from-schema.ts';

export type Outcome =
  | { kind: 'result'; result: InvocationResult; payload: string }
  | { kind: 'cancelled'; afterMs: number }
  | { kind: 'unanswered'; detail: string; afterMs: number };

/** What the reader typed and got for each capability of one plugin; it survives a change of tab. */
export class Playground {
  running = $state.raw<{ capability: string; startedAt: number; controller: AbortController }>();
  #drafts = new SvelteMap<string, string>();
  #outcomes = new SvelteMap<string, Outcome>();
  #parts = new SvelteMap<string, SvelteMap<string, PartDraft>>();
  #pluginId: string;

  constructor(pluginId: string) {
    this.#pluginId = pluginId;
  }

  draft(capability: PluginCapability): string {
    return this.#drafts.get(capability.id) ?? samplePayload(capability);
  }

  write(capabilityId: string, text: string): void {
    this.#drafts.set(capabilityId, text);
  }

  /** What stands in JSON fields of the form and is no JSON yet. */
  parts(capabilityId: string): SvelteMap<string, PartDraft> {
    let parts = this.#parts.get(capabilityId);
    if (!parts) this.#parts.set(capabilityId, (parts = new SvelteMap()));
    return parts;
  }

  reset(capabilityId: string): void {
    this.#drafts.delete(capabilityId);
    this.#parts.get(capabilityId)?.clear();
  }

  outcome(capabilityId: string): Outcome | undefined {
    return this.#outcomes.get(capabilityId);
  }

  cancel(): void {
    this.running?.controller.abort();
  }

  async run(capability: PluginCapability, timeoutSecs: number): Promise<void> {
    if (this.running) return;
    const controller = new AbortController();
    const startedAt = performance.now();
    this.running = { capability: capability.id, startedAt, controller };
    const payload = this.draft(capability);
    let outcome: Outcome;
    try {
      const result = await invoke(this.#pluginId, capability.id, payload, {
        timeoutSecs,
        signal: controller.signal,
      });
      outcome = { kind: 'result', result, payload };
    } catch (error) {
      const afterMs = performance.now() - startedAt;
      outcome = controller.signal.aborted
        ? { kind: 'cancelled', afterMs }
        : { kind: 'unanswered', detail: problemOfError(error).detail, afterMs };
    }
    this.#outcomes.set(capability.id, outcome);
    this.running = undefined;
  }
}

/** What a payload of this capability may look like. */
export function samplePayload(capability: PluginCapability): string {
  const sample = JSON.stringify(sampleFromSchema(capability.input_schema as Schema));
  return formatJson(sample) ?? sample;
}
