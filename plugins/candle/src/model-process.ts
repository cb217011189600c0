import { dirname } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { datatypeOfRuntimeType, datatypes, type Tensor } from './datatypes.ts';
import { fitsJson } from './json-size.ts';
import type { Answer, FailureReason, Request } from './messages.ts';
import { readModelHeader } from './onnx/reader.ts';
import { signatureOf, UnsupportedModel } from './signature.ts';

/**
 * The process of one model, started by ModelProcess. Loading and running block its event loop, which is why
 * it is a process of its own.
 */

// The runtime reads a Float16Array as empty; without the class it takes FP16 as Uint16Array, which works.
// It has to be gone before the runtime is loaded, and may only be gone here.
delete (globalThis as { Float16Array?: unknown }).Float16Array;

// A model process ends with its plugin and not before: a Ctrl-C in the terminal reaches both, and the plugin
// still has invocations to drain. Closing the channel also reaches it when the plugin was killed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));

let runtime: typeof Ort;
let session: Ort.InferenceSession | undefined;
let folder = '';

class TooLarge extends Error {}

process.on('message', (request: Request) => {
  void answer(request).then((reply) =>
    process.send?.(reply, undefined, undefined, (error) => error && process.exit(1)),
  );
});

async function answer(request: Request): Promise<Answer> {
  try {
    return request.kind === 'load' ? await load(request) : await run(request);
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error, request), message: messageOf(error) };
  }
}

async function load({ path, threads }: Request & { kind: 'load' }): Promise<Answer> {
  folder = dirname(path);
  const header = readModelHeader(path);
  // Refused before the runtime reads gigabytes of weights; what only the runtime knows is checked after.
  const undeclared = header.outputs.some(({ type }) => type === 'undeclared');
  if (!undeclared) signatureOf(header);
  runtime = await import('onnxruntime-node');
  runtime.env.logLevel = 'fatal';
  session = await runtime.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  return { kind: 'loaded', signature: signatureOf(header, session.outputMetadata) };
}

async function run({ feeds, outputs, maxOutputBytes }: Request & { kind: 'run' }): Promise<Answer> {
  if (session === undefined) throw new Error('asked to run before the model was loaded');
  const named: Record<string, Ort.Tensor> = {};
  for (const { name, datatype, data, shape } of feeds) {
    named[name] = new runtime.Tensor(datatypes[datatype].runtime, data, shape);
  }
  const results = await session.run(named, outputs);
  const tensors = outputs.map((name) => toTensor(name, results[name]!));
  if (!fitsJson(tensors, maxOutputBytes)) {
    const sizes = tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
    const remedy = 'ask for fewer "outputs" or send a smaller input';
    throw new TooLarge(`the outputs ${sizes} take more than ${maxOutputBytes} bytes as JSON: ${remedy}`);
  }
  return { kind: 'result', outputs: tensors };
}

function toTensor(name: string, value: Ort.Tensor): Tensor {
  const datatype = datatypeOfRuntimeType(value.type);
  if (datatype === undefined) throw new Error(`output ${JSON.stringify(name)} came as ${value.type}`);
  return { name, datatype, shape: [...value.dims], data: value.data };
}

function reasonOf(error: unknown, { kind }: Request): FailureReason {
  if (error instanceof UnsupportedModel) return 'unsupported';
  if (error instanceof TooLarge) return 'too_large';
  return kind === 'load' ? 'invalid' : 'refused';
}

/** The runtime's texts carry paths of this machine and of the one it was built on; neither is for the caller. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replaceAll(`${folder}/`, '')
    .replaceAll(/(?:\/[\w.+-]+)+\/([\w.+-]+\.(?:cc|h|hpp|cpp))/g, '$1')
    .trim()
    .slice(0, 2000);
}
