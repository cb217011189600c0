import type { LogRecord } from '@bkg/sdk';

const mark = Buffer.from('event ');
/** Of a number and a time, with a space after each. */
const mostChars = 40;

/** A line of a plugin's log, as it is published, which says when that was. */
export function eventOf(seq: number, bytes: number): string {
  const record: Omit<LogRecord, 'plugin_id' | 'instance'> = {
    time: new Date().toISOString(),
    level: 'info',
    source: 'sdk',
    message: `event ${seq} ${performance.now().toFixed(3)} `.padEnd(bytes, 'x'),
  };
  return JSON.stringify(record);
}

/** Without reading all of it as JSON: a thousand sockets get each. @returns undefined for another frame */
export function readEvent(frame: Buffer): { seq: number; ageMs: number } | undefined {
  const at = frame.indexOf(mark);
  if (at < 0) return undefined;
  const [seq, publishedAt] = frame
    .toString('latin1', at + mark.length, at + mark.length + mostChars)
    .split(' ', 2);
  return { seq: Number(seq), ageMs: performance.now() - Number(publishedAt) };
}
