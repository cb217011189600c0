import { refusals } from '../access/refusals.ts';
import { escapeLine } from '../control-characters.ts';
import { NotSentError, problemOfReply, ProblemError, UnreachableError } from '../request.ts';
import { isAsChosen, whyNotAsChosen } from './file-check.ts';

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

/**
 * Asks for a file for the answer. The browser empties it as soon as it is chosen, so that all else has to be in order before.
 * @param input what is to be sent: when it is chosen, it gets back what was in it
 * @returns undefined when nobody wants one
 * @throws NotSentError
 */
export async function chooseFileToWrite(
  suggestedName: string,
  input: File | undefined,
): Promise<FileToWrite | undefined> {
  let chosen: FileToWrite | undefined;
  let content: ArrayBuffer | undefined;
  try {
    // Which one it will be is not known before, and afterwards it is too late to read it.
    content = await input?.arrayBuffer();
    chosen = await browser.showSaveFilePicker?.({ suggestedName });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === 'AbortError') return undefined;
    throw new NotSentError(
      `Not sent: no file could be chosen for the answer. ${error.message} Try again, or copy the invocation as curl.`,
    );
  }
  if (!chosen || !input || !content || (await isAsChosen(input))) return chosen;
  if (chosen.name !== input.name) throw new NotSentError(whyNotAsChosen(input));
  await new Blob([content]).stream().pipeTo(await openToWrite(chosen));
  throw new NotSentError(
    `Not sent: ${escapeLine(chosen.name)} is what is to be sent, and is as it was. Choose it again, and another file for the answer.`,
  );
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
 * @throws NotSentError, ProblemError, UnreachableError; the signal's reason when it aborts
 */
export async function saveAnswer(path: string, file: FileToWrite, options: SaveOptions): Promise<number> {
  const { body, contentType, signal, timeoutMs, onBytes } = options;
  // Before the plugin does any work.
  const writable = await openToWrite(file);
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
    refusals.look(path, answer);
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
    await answer.body.pipeThrough(counted).pipeTo(writable);
    return bytes;
  } catch (error) {
    // What it has failed of counts, not what becomes of the file.
    await writable.abort(error).catch(() => undefined);
    if (signal.aborted) throw error;
    if (deadline.aborted)
      throw new UnreachableError(`The answer was not complete within ${timeoutMs / 1_000} s.`);
    // What the browser says of a connection is a TypeError; of a file that cannot be written, what it says counts.
    if (error instanceof TypeError)
      throw new UnreachableError('The gateway cannot be reached, or the answer ended in the middle.');
    throw error;
  }
}

async function openToWrite(file: FileToWrite): Promise<WritableStream<Uint8Array>> {
  try {
    return await file.createWritable();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new NotSentError(`${escapeLine(file.name)} cannot be written: ${error.message}`);
  }
}
