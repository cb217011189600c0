import type { Client } from '@bkg/sdk/client';
import { timeoutMs } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { none, payloadOf } from './running.ts';
import type { Running } from './running.ts';

/** What both clients of the SDK can: single answers, and streams of texts. */
export function beginWith(client: Client, operation: Operation, invocationId: string): Omit<Running, 'drop'> {
  const { plugin, kind } = operation;
  const options = { timeoutMs, invocationId, maxAttempts: 1 };
  const payload = payloadOf(operation);
  if (kind === 'words') {
    const stream = client.stream(plugin, kind, payload, options);
    return { pieces: texts(stream), output: () => stream.output, cancel: () => stream.cancel() };
  }
  const controller = new AbortController();
  const output = client.invoke(plugin, kind, payload, { ...options, signal: controller.signal });
  // It is looked at later.
  output.catch(() => undefined);
  return { pieces: none, output: () => output, cancel: () => controller.abort() };
}

async function* texts(chunks: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const text of chunks) yield Buffer.from(String(text), 'latin1');
}
