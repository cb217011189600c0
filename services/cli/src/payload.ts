import { createReadStream, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { isJsonContentType } from '@bkg/sdk/protocol';
import { UsageError } from './command.ts';
import type { PipedBody } from './gateway.ts';
import { contentTypeOf } from './media-types.ts';
import { note } from './terminal.ts';

/** More JSON than anybody takes; the gateway names the real limit. */
const mostBytes = 64 * 1024 * 1024;

export interface PayloadSource {
  /** As it stands on the command line; `-` for standard input. */
  text: string | undefined;
  /** The name of a file; `-` for standard input. */
  file: string | undefined;
  contentType: string | undefined;
}

export interface Payload {
  contentType: string;
  body: Buffer | PipedBody;
}

/**
 * The payload as it will be sent, byte by byte; `{}` when none is given. JSON is read and looked at first, anything else is
 * sent while it is read.
 * @throws UsageError; the reason of `signal`
 */
export async function readPayload(
  { text, file, contentType: said }: PayloadSource,
  signal: AbortSignal,
): Promise<Payload> {
  if (text !== undefined && file !== undefined)
    throw new UsageError('the payload is given twice: as a word and with --file');
  const contentType = contentTypeOf(said, file);
  const isInput = file === '-' || text === '-';
  if (!isJsonContentType(contentType)) {
    if (isInput) return { contentType, body: { open: () => process.stdin } };
    return { contentType, body: file === undefined ? Buffer.from(text ?? '') : pipedFile(file) };
  }
  if (file !== undefined && !isInput)
    return { contentType, body: checked(await readFile(file, signal), `the file ${file}`) };
  if (isInput) return { contentType, body: checked(await readInput(signal), 'standard input') };
  return { contentType, body: checked(Buffer.from(text ?? '{}'), 'the payload') };
}

/** What it is read from may be a pipe, whose other end nobody has opened yet. */
async function readFile(file: string, signal: AbortSignal): Promise<Buffer> {
  try {
    return await readWhole(createReadStream(file), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(file, error);
  }
}

function pipedFile(file: string): PipedBody {
  const stats = statsOf(file);
  if (stats.isDirectory()) throw unreadable(file, new Error('it is a folder'));
  // A pipe or a device has no size, and what the system makes up as it is read says that it is empty.
  if (!stats.isFile() || stats.size === 0) return { open: () => createReadStream(file) };
  const { size } = stats;
  // What is written to it meanwhile would be more than was announced.
  return { sizeBytes: size, open: () => createReadStream(file, { end: size - 1 }) };
}

function statsOf(file: string): Stats {
  try {
    return statSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): UsageError {
  return new UsageError(`the file ${file} cannot be read: ${(cause as Error).message}`, { cause });
}

async function readInput(signal: AbortSignal): Promise<Buffer> {
  const { stdin } = process;
  if (stdin.isTTY) note('type the payload, then Ctrl-D');
  try {
    return await readWhole(stdin, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new UsageError(`standard input cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function readWhole(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
  }
  signal.throwIfAborted();
  return Buffer.concat(chunks, bytes);
}

/** Only looked at: what is sent are the bytes themselves, so that no digit of a number is lost. */
function checked(bytes: Buffer, what: string): Buffer {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return bytes;
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : 'it is not UTF-8';
    const hint =
      bytes.toString().trim() === ''
        ? '; send {} when there is nothing to say'
        : `; quote it for the shell: '{"name": "Ada"}'`;
    // Its message quotes what was given, line breaks included.
    throw new UsageError(`${what} is not JSON: ${why.replaceAll(/\s+/g, ' ')}${hint}`, { cause: error });
  }
}
