import { rounded } from './figures.ts';
import { optionsOrEnd } from './options.ts';

/** What a benchmark has come to. */
export interface Report {
  /** What is not as it has to be, a sentence each. */
  flaws: readonly string[];
  /** For people. */
  tables: string;
  /** For programs: stands in the last line, beside `ok` and `flaws`. */
  figures: object;
}

/** Prints it without `--json`. */
export type Say = (text: string) => void;

/** A benchmark as anybody starts it, which ends with code 2 when its options cannot be read. */
export async function runBenchmark<Options extends { isJson: boolean }>(
  read: (args: string[]) => Options,
  measure: (options: Options, say: Say) => Promise<Report>,
): Promise<void> {
  const options = optionsOrEnd(read);
  const say = sayUnless(options.isJson);
  endWith(await measure(options, say), say);
}

export function sayUnless(isJson: boolean): Say {
  return (text) => void (isJson || console.log(text));
}

/** Prints tables and flaws; the last line is all of it as JSON. The program ends with code 1 when there are flaws. */
export function endWith({ flaws, tables, figures }: Report, say: Say): void {
  const ok = flaws.length === 0;
  say(`\n${tables}\n${flaws.map((flaw) => `\nNOT as it has to be: ${flaw}`).join('')}`);
  console.log(JSON.stringify({ ok, flaws, ...figures }, rounded));
  process.exitCode = ok ? 0 : 1;
}
