import { fileSecret } from '../grammar/files.ts';
import type { FileInput } from '../grammar/files.ts';
import type { FileReading } from '../plugins/file-reader.ts';
import { shapeOf } from './problems.ts';

/** Of the language itself: nobody has thought of what was read. */
const unforeseen = new Set(['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'no error']);
/** The first of a kind compiles a schema; what never ends is found by who waits for it. */
const readMostMs = 10_000;

/** What is wrong with how a file was read. */
export function fileFlaws(
  { kind }: FileInput,
  { outcome, error, message = '', stack = '', ms }: FileReading,
): string[] {
  const flaws: string[] = [];
  if (error !== undefined && unforeseen.has(error)) flaws.push(`${kind}: ${error}: ${stack.slice(0, 400)}`);
  if (error !== undefined && message.trim() === '') flaws.push(`${kind} was refused without a word`);
  if (`${outcome} ${message}`.includes(fileSecret))
    flaws.push(`${kind}: the message repeats a secret: ${message}`);
  if (ms > readMostMs) flaws.push(`${kind} took ${Math.round(ms)} ms to be read`);
  return flaws;
}

export function fileOutcome({ kind }: FileInput, { outcome, error, message = '' }: FileReading): string {
  return `${kind} ${shapeOf(outcome)}${error === undefined ? '' : ` ${error} ${shapeOf(message.replaceAll(/\S*\/\S*/g, ''))}`}`;
}
