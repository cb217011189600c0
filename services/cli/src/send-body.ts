import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Failure } from './failure.ts';
import type { PipedBody } from './gateway.ts';

/**
 * Sends a body while it is read, no faster than it is taken. It stops when the answer is a failure, or all of the answer
 * is there; the request fails when the body cannot be read.
 */
export async function sendBody(sent: ClientRequest, { open, sizeBytes, onSent }: PipedBody): Promise<void> {
  const source = open();
  const stopped = new AbortController();
  const stop = (): void => {
    stopped.abort();
    source.destroy();
  };
  sent.once('close', stop).once('response', (response: IncomingMessage) => {
    // One that succeeds may come while it is still being sent to.
    if ((response.statusCode ?? 0) >= 300) stop();
    else response.once('close', stop);
  });
  let bytes = 0;
  try {
    for await (const piece of source as AsyncIterable<Buffer>) {
      bytes += piece.length;
      onSent?.(piece.length);
      if (!sent.write(piece)) await once(sent, 'drain', { signal: stopped.signal });
    }
    if (sizeBytes !== undefined && bytes < sizeBytes)
      throw new Error(`it has ${bytes} bytes now, and had ${sizeBytes}`);
    sent.end();
  } catch (error) {
    if (stopped.signal.aborted) return;
    const what = `The payload could not be read to its end: ${(error as Error).message}.`;
    sent.destroy(new Failure(what, 'send it again when nobody changes it.', { cause: error }));
  }
}
