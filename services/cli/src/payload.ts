import { readFileSync, statSync } from 'node:fs';
import { UsageError } from './command.ts';

/** More than any broker takes in one message; the gateway names the real limit. */
const mostBytes = 64 * 1024 * 1024;

export interface PayloadSource {
  /** As it stands on the command line; `-` for standard input. */
  text: string | undefined;
  /** The name of a file. */
  file: string | undefined;
}

/** The payload as it will be sent, byte by byte; `{}` when none is given. @throws UsageError; the reason of `signal` */
export async function readPayload({ text, file }: PayloadSource, signal: AbortSignal): Promise<Buffer> {
  if (text !== undefined && file !== undefined)
    throw new UsageError('the payload is given twice: as a word and with --file');
  if (file !== undefined && file !== '-') return checked(readFile(file), `the file ${file}`);
  if (file === '-' || text === '-') return checked(await readInput(signal), 'standard input');
  return checked(Buffer.from(text ?? '{}'), 'the payload');
}

function readFile(file: string): Buffer {
  try {
    if (statSync(file).size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`the file ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function readInput(signal: AbortSignal): Promise<Buffer> {
  const { stdin } = process;
  if (stdin.isTTY) process.stderr.write('bkg: type the payload, then Ctrl-D\n');
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stop = (): void => void stdin.destroy();
  signal.addEventListener('abort', stop);
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > mostBytes) throw new UsageError(`standard input has more than ${mostBytes} bytes`);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
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
    throw new UsageError(`${what} is not JSON: ${printableWords(why)}${hint}`, { cause: error });
  }
}

function printableWords(why: string): string {
  return why.replaceAll(/\s+/g, ' ');
}
