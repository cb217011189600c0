import type { PluginCapability } from '@bkg/sdk/protocol';
import { extensionOf } from '../bytes/content-types.ts';
import { invokePath } from '../invocation.ts';
import { utf8Length } from '../utf8-length.ts';

/** One invocation, as a text in some language is to make it again. */
export interface SnippetRequest {
  /** Of the gateway: `http://localhost:43119`. */
  baseUrl: string;
  plugin: string;
  capability: string;
  /** JSON, or the file whose bytes are the payload. */
  input: { json: string } | { file: string; type: string };
  /** `chunks`: JSON, as it comes. `bytes`: a file is written. */
  answer: 'output' | 'chunks' | 'bytes';
  /** The bytes come in pieces. */
  isStreamed: boolean;
  /** What the file with the answer is called; only of bytes. */
  answerFile: string;
  timeoutSecs: number;
}

export interface SnippetOptions {
  baseUrl: string;
  plugin: string;
  timeoutSecs: number;
  /** JSON. */
  payload: string;
  /** What was chosen; a name of its own stands for it until something is. */
  file?: { name: string; type: string } | undefined;
  /** False: the output alone, of a capability that could send it in parts. */
  streams: boolean;
}

export function snippetRequest(capability: PluginCapability, options: SnippetOptions): SnippetRequest {
  const { baseUrl, plugin, timeoutSecs, payload, file, streams } = options;
  const { input_type: inputType, chunk_type: chunkType } = capability;
  const answerType = answerTypeOf(capability);
  return {
    baseUrl,
    plugin,
    capability: capability.id,
    input:
      inputType === undefined
        ? { json: payload }
        : (file && { file: file.name, type: file.type }) || exampleFile(inputType),
    answer: answerType !== undefined ? 'bytes' : capability.stream && streams ? 'chunks' : 'output',
    isStreamed: capability.stream && chunkType !== undefined,
    answerFile: answerFileOf(capability),
    timeoutSecs,
  };
}

/** Of bytes; undefined when it is JSON. */
function answerTypeOf({
  output_type: outputType,
  chunk_type: chunkType,
}: PluginCapability): string | undefined {
  return chunkType ?? outputType;
}

/** What a file with the answer may be called. */
export function answerFileOf(capability: PluginCapability): string {
  return `answer${extensionOf(answerTypeOf(capability) ?? '')}`;
}

/** Where a range of types is taken and nothing was chosen yet, any of them would do. */
function exampleFile(range: string): { file: string; type: string } {
  const type = range.includes('*') ? 'application/octet-stream' : range;
  return { file: `payload${extensionOf(range)}`, type };
}

/** The file that an answer is in until it is known to be whole, and no failure. */
export function partOf({ answerFile }: SnippetRequest): string {
  return `${answerFile}.part`;
}

/** The address of the invocation. */
export function invokeUrl({ baseUrl, plugin, capability }: SnippetRequest): string {
  return baseUrl + invokePath(plugin, capability);
}

/** In whole seconds, a little more than the plugin has. */
export function patienceSecs({ timeoutSecs }: SnippetRequest): number {
  return Math.ceil(timeoutSecs) + 5;
}

/** Longer than this, one argument of a program is refused by Linux (128 KiB); in bytes, with room to spare. */
const argumentMost = 100_000;

export function fitsArgument(text: string): boolean {
  return utf8Length(text) <= argumentMost;
}
