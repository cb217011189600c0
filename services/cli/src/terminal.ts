import { styleText } from 'node:util';

type Stream = NodeJS.WriteStream;
export type Style = Parameters<typeof styleText>[0];

/** Colours a text when the stream is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string, stream: Stream = process.stdout): string {
  return styleText(style, text, { stream });
}

/**
 * Text of somebody else, such as a plugin, made fit for a line on a terminal: what would move the cursor, change colours
 * or turn the direction of writing is shown as its number.
 */
export function printable(text: string): string {
  return text.replace(
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same of a text that has lines of its own: they stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** The same as one line. */
export function printableLine(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, ' · '));
}

/** Says on standard error what is no part of the output. */
export function note(text: string): void {
  process.stderr.write(`bkg: ${text}\n`);
}

/** How many columns a line may have; without a terminal as many as it takes. */
export function columns(stream: Stream = process.stdout): number {
  return stream.isTTY ? stream.columns || 80 : Infinity;
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}

/**
 * Ends the process without a word when whoever reads what it prints has gone, as with `| head`; and with one when it
 * cannot be written, as on a full disk.
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(
      `bkg: the output cannot be written: ${error.message}.\n  To do: write it somewhere else.\n`,
    );
    process.exit(1);
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => undefined);
}
