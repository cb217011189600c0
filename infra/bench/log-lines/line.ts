/** What a printed line tells of itself. */
export interface Line {
  seq: number;
  /** When it was printed, by `now()`. */
  at: number;
}

/** @param bytes how long it is, with its end */
export function lineOf({ seq, at }: Line, bytes: number): string {
  return `line ${seq} ${at.toFixed(3)} `.padEnd(bytes - 1, 'x');
}

/** @returns undefined for what somebody else has printed */
export function readLine(text: string): Line | undefined {
  const [word, seq, at] = text.split(' ', 3);
  return word === 'line' ? { seq: Number(seq), at: Number(at) } : undefined;
}
