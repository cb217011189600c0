import { Socket } from 'node:net';
import { dirname } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { bytesOfAll, datatypeOfRuntimeType, datatypes, type Tensor } from './datatypes.ts';
import { fitsJson } from './json-size.ts';
import type { Answer, FailureReason, OutputLimit, Request } from './messages.ts';
import { readModelHeader } from './onnx/reader.ts';
import { signatureOf, UnsupportedModel } from './signature.ts';
import { PIPE, receiveTensors, sendTensors, onTheirWay } from './tensor-pipe.ts';

/**
 * The process of one model, started by ProcessHost. Loading and running block its event loop, which is why
 * it is a process of its own.
 */

// The runtime reads a Float16Array as empty; without the class it takes FP16 as Uint16Array, which works.
// It has to be gone before the runtime is loaded, and may only be gone here.
delete (globalThis as { Float16Array?: unknown }).Float16Array;

// A model process ends with its plugin and not before: a Ctrl-C in the terminal reaches both, and the plugin
// still has invocations to drain. Closing the channel also reaches it when the plugin was killed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));

const pipe = new Socket({ fd: PIPE, readable: true, writable: true });
// The process ends when the channel closes; it must neither stay for the pipe nor end otherwise because of it.
pipe.on('error', () => process.exit(1)).unref();

let runtime: typeof Ort;
let session: Ort.InferenceSession | undefined;
let folder = '';

class TooLarge extends Error {}

process.on('message', (request: Request) => void handle(request));

async function handle(request: Request): Promise<void> {
  // Not to be caught: a pipe of which a part was read is of no use to the next run.
  const feeds = request.kind === 'run' ? await receiveTensors(pipe, request.feeds) : [];
  let outputs: Tensor[] = [];
  let answer: Answer;
  try {
    if (request.kind === 'load') answer = await load(request);
    else {
      outputs = await run(feeds, request);
      answer = { kind: 'result', outputs: onTheirWay(outputs) };
    }
  } catch (error) {
    answer = { kind: 'failed', reason: reasonOf(error, request), message: messageOf(error) };
  }
  process.send?.(answer, undefined, undefined, (error) => error && process.exit(1));
  await sendTensors(pipe, outputs);
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

async function run(
  feeds: Tensor[],
  { outputs, limit }: { outputs: string[]; limit: OutputLimit },
): Promise<Tensor[]> {
  if (session === undefined) throw new Error('asked to run before the model was loaded');
  const named: Record<string, Ort.Tensor> = {};
  for (const { name, datatype, data, shape } of feeds) {
    named[name] = new runtime.Tensor(datatypes[datatype].runtime, data, shape);
  }
  const results = await session.run(named, outputs);
  const tensors = outputs.map((name) => toTensor(name, results[name]!));
  if (!fits(tensors, limit)) {
    const sizes = tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
    const remedy = 'ask for fewer "outputs" or send a smaller input';
    const form = limit.as === 'json' ? ' as JSON' : '';
    throw new TooLarge(`the outputs ${sizes} take more than ${limit.mostBytes} bytes${form}: ${remedy}`);
  }
  return tensors;
}

function fits(tensors: Tensor[], { as, mostBytes }: OutputLimit): boolean {
  return as === 'json' ? fitsJson(tensors, mostBytes) : bytesOfAll(tensors) <= mostBytes;
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
