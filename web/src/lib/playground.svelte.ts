import type { PluginCapability } from '@bkg/sdk/protocol';
import { formatJson } from './json-text.ts';
import { invoke, type InvocationResult } from './invocation.ts';
import type { Schema } from './json-schema.ts';
import { problemOfError } from './request.ts';
import { sampleFromSchema } from './sample-from-schema.ts';

export type Outcome =
  | { kind: 'result'; result: InvocationResult }
  | { kind: 'cancelled'; afterMs: number }
  | { kind: 'unanswered'; detail: string; afterMs: number };

/** What the reader typed and got for each capability of one plugin; it survives a change of tab. */
export class Playground {
  running = $state.raw<{ capability: string; startedAt: number; controller: AbortController }>();
  #drafts = $state<Record<string, string>>({});
  #outcomes = $state.raw<Record<string, Outcome>>({});
  #pluginId: string;

  constructor(pluginId: string) {
    this.#pluginId = pluginId;
  }

  draft(capability: PluginCapability): string {
    return this.#drafts[capability.id] ?? samplePayload(capability);
  }

  write(capabilityId: string, text: string): void {
    this.#drafts[capabilityId] = text;
  }

  reset(capabilityId: string): void {
    delete this.#drafts[capabilityId];
  }

  outcome(capabilityId: string): Outcome | undefined {
    return this.#outcomes[capabilityId];
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
      outcome = { kind: 'result', result };
    } catch (error) {
      const afterMs = performance.now() - startedAt;
      outcome = controller.signal.aborted
        ? { kind: 'cancelled', afterMs }
        : { kind: 'unanswered', detail: problemOfError(error).detail, afterMs };
    }
    this.#outcomes = { ...this.#outcomes, [capability.id]: outcome };
    this.running = undefined;
  }
}

function samplePayload(capability: PluginCapability): string {
  const sample = JSON.stringify(sampleFromSchema(capability.input_schema as Schema));
  return formatJson(sample) ?? sample;
}
