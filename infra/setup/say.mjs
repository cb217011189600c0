const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * One line per part that had something to do, with progress while it lasts; parts with nothing to do are silent.
 * On a terminal a line that is redrawn, elsewhere plain lines.
 * @param {object} [options]
 * @param {NodeJS.WriteStream | { write(text: string): unknown, isTTY?: boolean, columns?: number }} [options.stream]
 * @param {number} [options.remindAfterMs]  how often a plain log hears that a part still goes on
 */
export function createSay({ stream = process.stdout, remindAfterMs = 15_000 } = {}) {
  const name = (part) => part.padEnd(12);
  const write = (line) => stream.write(`${line}\n`);

  /**
   * Runs one part. `progress(doing, detail?)` makes it speak; the detail is shown on terminals only.
   * @template T
   * @param {string} part
   * @param {(progress: (doing: string, detail?: string) => void) => Promise<{ value: T, note: string }>} work
   * @returns {Promise<T>}
   */
  async function part(title, work) {
    const started = performance.now();
    const elapsedMs = () => performance.now() - started;
    let doing = '';
    let detail = '';
    let timer;
    let frame = 0;
    const redraw = () => {
      const line = `  ${frames[frame++ % frames.length]} ${name(title)} ${doing} · ${seconds(elapsedMs())}  ${detail}`;
      stream.write(`\r\x1b[2K${line.slice(0, (stream.columns ?? 80) - 1)}`);
    };
    const remind = () => write(`  … ${name(title)} still ${doing}, ${seconds(elapsedMs())}`);
    const progress = (nowDoing, nowDetail = '') => {
      if (!stream.isTTY && nowDoing !== doing) write(`  … ${name(title)} ${nowDoing}`);
      doing = nowDoing;
      detail = nowDetail.trim();
      timer ??= stream.isTTY ? setInterval(redraw, 100) : setInterval(remind, remindAfterMs);
    };
    const finish = (mark, text) => {
      clearInterval(timer);
      if (stream.isTTY && doing) stream.write('\r\x1b[2K');
      if (doing) write(`  ${mark} ${name(title)} ${text} (${seconds(elapsedMs())})`);
    };
    try {
      const { value, note } = await work(progress);
      finish('✓', note);
      return value;
    } catch (error) {
      finish('✗', `${doing}: failed`);
      throw error;
    }
  }

  return { part, write };
}

/** @param {number} ms */
export function seconds(ms) {
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
