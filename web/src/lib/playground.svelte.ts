import type { StreamOptions } from '@bkg/sdk/client/ws';
import type { PluginCapability } from '@bkg/sdk/protocol';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { Progress } from './bytes/exchange.ts';
import type { FileToWrite } from './bytes/save-file.ts';
import { DraftStore } from './draft-store.ts';
import { formatJson } from './json-text.ts';
import { Payload } from './payload.svelte.ts';
import type { Schema } from './json-schema.ts';
import { carryOut, type Outcome } from './runs/carry-out.ts';
import { mayHoldSecret } from './runs/payload-secrets.ts';
import { RunHistory, type PastRun } from './runs/run-history.ts';
import { summaryOf } from './runs/summary.ts';
import { sampleJson } from './sample-json.ts';
import type { ChunkSource, StreamRun } from './stream/stream-run.svelte.ts';

/** The part of the gateway's client that is used here. */
export interface StreamSource {
  streamRaw: (plugin: string, capability: string, json: string, options: StreamOptions) => ChunkSource;
}

export interface Running {
  capability: string;
  startedAt: number;
  controller: AbortController;
}

export interface PlaygroundOptions {
  timeoutSecs: number;
  /** The answer goes there, and not into the page. */
  into?: FileToWrite | undefined;
}

/** What the reader typed and got for each capability of one plugin; it survives a change of tab. */
export class Playground {
  running = $state.raw<Running>();
  /** Of the one that is running, when its answer comes in parts. */
  stream = $state.raw<StreamRun>();
  /** Of the one that is running, when bytes are under way. */
  progress = $state.raw<Progress>();
  /** The latest first. */
  history = $state.raw<readonly PastRun[]>([]);
  /** The payloads that are bytes, by capability: kept as long as the page. */
  readonly files = new SvelteMap<string, File>();
  #payloads = new SvelteMap<string, Payload>();
  #outcomes = new SvelteMap<string, Outcome>();
  /** Capabilities that could answer in parts, and are not asked to. */
  #wholes = new SvelteSet<string>();
  #pluginId: string;
  #source: StreamSource;
  #store = new DraftStore();
  #runs = new RunHistory();

  constructor(pluginId: string, source: StreamSource) {
    this.#pluginId = pluginId;
    this.#source = source;
    this.history = this.#runs.read(pluginId);
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

  /** Whether its answer is asked for in parts. Bytes in parts are one body, and always are. */
  streams({ id, stream, chunk_type: chunkType }: PluginCapability): boolean {
    return stream && chunkType === undefined && !this.#wholes.has(id);
  }

  askInParts(capabilityId: string, inParts: boolean): void {
    if (inParts) this.#wholes.delete(capabilityId);
    else this.#wholes.add(capabilityId);
  }

  forget(capabilityId: string): void {
    this.history = this.#runs.forget(this.#pluginId, capabilityId);
  }

  cancel(): void {
    this.running?.controller.abort();
  }

  async run(capability: PluginCapability, { timeoutSecs, into }: PlaygroundOptions): Promise<void> {
    if (this.running) return;
    const controller = new AbortController();
    const startedAt = performance.now();
    const at = Date.now();
    this.running = { capability: capability.id, startedAt, controller };
    this.#letGo();
    const payload = this.payload(capability.id).text;
    const file = capability.input_type === undefined ? undefined : this.files.get(capability.id);
    const streams = this.streams(capability);
    const outcome = await carryOut({
      pluginId: this.#pluginId,
      capability,
      payload,
      file,
      streams,
      into,
      timeoutSecs,
      startedAt,
      signal: controller.signal,
      openStream: (json, options) => this.#source.streamRaw(this.#pluginId, capability.id, json, options),
      onStream: (stream) => (this.stream = stream),
      onProgress: (progress) => (this.progress = progress),
    });
    this.#outcomes.set(capability.id, outcome);
    this.running = undefined;
    this.stream = undefined;
    this.progress = undefined;
    const isSecret = !file && mayHoldSecret(payload, capability.input_schema);
    this.history = this.#runs.add(this.#pluginId, {
      id: `${at}-${Math.round(startedAt)}`,
      at,
      capability: capability.id,
      ...(file && { file: { name: file.name, sizeBytes: file.size } }),
      ...(isSecret && { withheld: 'secret' }),
      ...(!file && !isSecret && { payload }),
      ...(capability.stream && capability.chunk_type === undefined && { streams }),
      summary: summaryOf(outcome),
    });
  }

  /** Of all capabilities together at most one answer is kept that may be large. */
  #letGo(): void {
    for (const [id, outcome] of this.#outcomes)
      if (outcome.kind === 'stream' || (outcome.kind === 'result' && outcome.result.body))
        this.#outcomes.delete(id);
  }
}

/** What a payload of this capability may look like. */
export function samplePayload(capability: PluginCapability): string {
  const sample = sampleJson(capability.input_schema as Schema);
  return formatJson(sample) ?? sample;
}
