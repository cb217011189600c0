import type { PluginCapability } from '@bkg/sdk/protocol';
import { SvelteMap } from 'svelte/reactivity';
import { DraftStore } from './draft-store.ts';
import { formatJson } from './json-text.ts';
import { invoke, type InvocationResult } from './invocation.ts';
import { Payload } from './payload.svelte.ts';
import type { Schema } from './json-schema.ts';
import { problemOfError } from './request.ts';
import { sampleJson } from './sample-json.ts';

export type Outcome =
  | { kind: 'result'; result: InvocationResult; payload: string }
  | { kind: 'cancelled'; afterMs: number }
  | { kind: 'unanswered'; detail: string; afterMs: number };

/** What the reader typed and got for each capability of one plugin; it survives a change of tab. */
export class Playground {
  running = $state.raw<{ capability: string; startedAt: number; controller: AbortController }>();
  #payloads = new SvelteMap<string, Payload>();
  #outcomes = new SvelteMap<string, Outcome>();
  #pluginId: string;
  #store = new DraftStore();

  constructor(pluginId: string) {
    this.#pluginId = pluginId;
  }

  /** What was typed here, or in this tab before it was loaded anew. */
  payload(capabilityId: string): Payload {
    let payload = this.#payloads.get(capabilityId);
    if (!payload) {
      payload = new Payload(this.#pluginId, capabilityId, this.#store);
      this.#payloads.set(capabilityId, payload);
    }
    return payload;
  }

  outcome(capabilityId: string): Outcome | undefined {
    return this.#outcomes.get(capabilityId);
  }

  cancel(): void {
    this.running?.controller.abort();
  }

  async run(capabilityId: string, timeoutSecs: number): Promise<void> {
    if (this.running) return;
    const controller = new AbortController();
    const startedAt = performance.now();
    this.running = { capability: capabilityId, startedAt, controller };
    const payload = this.payload(capabilityId).text;
    let outcome: Outcome;
    try {
      const result = await invoke(this.#pluginId, capabilityId, payload, {
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
    this.#outcomes.set(capabilityId, outcome);
    this.running = undefined;
  }
}

/** What a payload of this capability may look like. */
export function samplePayload(capability: PluginCapability): string {
  const sample = sampleJson(capability.input_schema as Schema);
  return formatJson(sample) ?? sample;
}
