import type { Problem } from '@bkg/sdk';

export const eventStreamType = 'text/event-stream';

/** So that no proxy in between takes a slow stream for a dead one. */
export const keepAliveComment = ':\n\n';

/** Whether an `Accept` asks for server-sent events by name. */
export function wantsEvents(accept: string | undefined): boolean {
  // Nearly all ask for something else, or for anything.
  if (accept === undefined || accept === '*/*') return false;
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === eventStreamType && !parameters.some((one) => /^q=0(?:\.0*)?$/.test(one));
  });
}

/** A chunk, as JSON. */
export function chunkEvent(seq: number, chunk: Uint8Array): string {
  return `event: chunk\nid: ${seq}\n${dataLines(chunk)}\n`;
}

/** The output, as JSON. It is the last. */
export function resultEvent(output: Uint8Array): string {
  return `event: result\n${dataLines(output)}\n`;
}

/** A failure. It is the last. */
export function errorEvent(problem: Problem): string {
  return `event: error\ndata: ${JSON.stringify(problem)}\n\n`;
}

/** What has several lines is several lines of data: the reader joins them again, with a line feed each. */
function dataLines(data: Uint8Array): string {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('');
}
