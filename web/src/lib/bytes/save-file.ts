import { problemOfReply, ProblemError, UnreachableError } from '../request.ts';

/** What a browser gives of a file that somebody has chosen to write to. */
export interface FileToWrite {
  readonly name: string;
  createWritable: () => Promise<WritableStream<Uint8Array>>;
}

type Picker = (options: { suggestedName: string }) => Promise<FileToWrite>;

const browser = globalThis as { showSaveFilePicker?: Picker };

/** False where a page cannot write a file while its bytes come. */
export function canSaveDirectly(): boolean {
  return browser.showSaveFilePicker !== undefined;
}

/** Asks for a file. @returns undefined when nobody wants one */
export async function chooseFileToWrite(suggestedName: string): Promise<FileToWrite | undefined> {
  try {
    return await browser.showSaveFilePicker?.({ suggestedName });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    throw error;
  }
}

export interface SaveOptions {
  body: Blob | string;
  contentType: string;
  signal: AbortSignal;
  timeoutMs: number;
  /** Of the answer so far. */
  onBytes: (bytes: number) => void;
}

/**
 * One POST whose answer goes to a file as it comes, and is never in the page: a slow disk slows the plugin.
 * @returns how many bytes
 * @throws ProblemError, UnreachableError; the signal's reason when it aborts
 */
export async function saveAnswer(path: string, file: FileToWrite, options: SaveOptions): Promise<number> {
  const { body, contentType, signal, timeoutMs, onBytes } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  let bytes = 0;
  try {
    const answer = await fetch(path, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType },
      signal: AbortSignal.any([signal, deadline]),
      cache: 'no-store',
    });
    if (!answer.ok || !answer.body)
      throw new ProblemError(
        problemOfReply({
          status: answer.status,
          contentType: answer.headers.get('content-type') ?? '',
          text: await answer.text(),
        }),
      );
    const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        bytes += chunk.length;
        onBytes(bytes);
        controller.enqueue(chunk);
      },
    });
    await answer.body.pipeThrough(counted).pipeTo(await file.createWritable());
    return bytes;
  } catch (error) {
    if (signal.aborted) throw error;
    if (deadline.aborted)
      throw new UnreachableError(`The answer was not complete within ${timeoutMs / 1_000} s.`);
    // What the browser says of a connection is a TypeError; of a file that cannot be written, what it says counts.
    if (error instanceof TypeError)
      throw new UnreachableError('The gateway cannot be reached, or the answer ended in the middle.');
    throw error;
  }
}
