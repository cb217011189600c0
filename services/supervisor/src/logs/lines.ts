export const newline = 0x0a;

export interface Lines {
  /** Without their ends. */
  lines: Buffer[];
  /** Bytes of the whole lines, their ends included. */
  used: number;
}

/** The whole lines at the beginning of `bytes`. */
export function takeLines(bytes: Buffer): Lines {
  const lines: Buffer[] = [];
  let used = 0;
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, used)) {
    lines.push(bytes.subarray(used, end));
    used = end + 1;
  }
  return { lines, used };
}
