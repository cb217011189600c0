const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const nameWidth = 12;

export interface SayOptions {
  /** @default process.stdout */
  stream?: Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean; columns?: number };
  /** How often somebody who is no terminal hears that something still goes on. @default 15000 */
  remindAfterMs?: number;
}

/** What `bkg up` prints: a line for each thing that happened, and on a terminal a moving one for what goes on. */
export interface Say {
  line: (text: string) => void;
  /** `  ✓ gateway      on 127.0.0.1:43119` */
  marked: (mark: Mark, name: string, text: string) => void;
  /** Runs `work` and prints what it resolves with and how long it took; nothing when it fails. */
  while: (name: string, doing: string, work: () => Promise<string | Said>) => Promise<void>;
}

/** A text for another mark than ✓. */
export interface Said {
  mark: Mark;
  text: string;
}

/** Done · failed · happened by itself · goes on · not wanted. */
export type Mark = '✓' | '✗' | '!' | '…' | '·';

export function createSay({ stream = process.stdout, remindAfterMs = 15_000 }: SayOptions = {}): Say {
  let isDrawn = false;
  const clear = (): void => {
    if (isDrawn) stream.write('\r\x1b[2K');
    isDrawn = false;
  };
  const line = (text: string): void => {
    clear();
    stream.write(`${text}\n`);
  };
  const marked = (mark: Mark, name: string, text: string): void =>
    line(`  ${mark} ${name.padEnd(nameWidth)} ${text}`);

  return {
    line,
    marked,
    while: async (name, doing, work) => {
      const started = performance.now();
      const elapsed = (): string => seconds(performance.now() - started);
      let frame = 0;
      const redraw = (): void => {
        const text = `  ${frames[frame++ % frames.length]} ${name.padEnd(nameWidth)} ${doing} · ${elapsed()}`;
        clear();
        stream.write(text.slice(0, (stream.columns ?? 80) - 1));
        isDrawn = true;
      };
      const remind = (): void => marked('…', name, `still ${doing}, ${elapsed()}`);
      const timer = stream.isTTY ? setInterval(redraw, 100) : setInterval(remind, remindAfterMs);
      try {
        const said = await work();
        const { mark, text } = typeof said === 'string' ? { mark: '✓' as const, text: said } : said;
        marked(mark, name, `${text} (${elapsed()})`);
      } finally {
        clearInterval(timer);
        clear();
      }
    },
  };
}

export function seconds(ms: number): string {
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/**
 * A terminal or pipe that goes away must not end the mesh before its stop; the signal for that comes by itself.
 * Without this the next line would be an error that nobody handles.
 */
export function outliveTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
