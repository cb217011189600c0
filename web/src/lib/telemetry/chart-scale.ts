import { formatClock } from '../format.ts';

/** Where the drawing of a chart puts things; times in ms since the epoch, places in pixels. */
export interface Frame {
  from: number;
  to: number;
  width: number;
  height: number;
  /** The value at the upper edge; 0 is at the lower one. */
  top: number;
}

export function xOf({ from, to, width }: Frame, at: number): number {
  return ((at - from) / Math.max(1, to - from)) * width;
}

export function yOf({ height, top }: Frame, value: number): number {
  return height - (value / top) * height;
}

/** The smallest round number (1, 2, 2.5 or 5 times a power of ten) that is not below. */
export function roundTop(value: number, least: number): number {
  const wanted = Math.max(value, least, Number.MIN_VALUE);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= wanted * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** SVG paths: the line itself, and places for dots. */
export interface Drawing {
  line: string;
  dots: string;
}

/**
 * A line through the values that are there. It ends and begins anew where a value is missing or nothing was heard
 * for longer than `gapMs`; a value alone between two gaps is a dot, or it would not be seen.
 */
export function drawLine(
  frame: Frame,
  at: readonly number[],
  values: readonly number[],
  gapMs: number,
): Drawing {
  const drawing: Drawing = { line: '', dots: '' };
  let run: string[] = [];
  let lastAt = -Infinity;
  const end = () => {
    if (run.length === 1) drawing.dots += `M${run[0]}h0`;
    else if (run.length > 1) drawing.line += `M${run.join('L')}`;
    run = [];
  };
  for (const [i, time] of at.entries()) {
    // Of what lies before only the last is drawn to: it gives the line its direction.
    if (time < frame.from && (at[i + 1] ?? Infinity) < frame.from) continue;
    const value = values[i] ?? NaN;
    if (Number.isNaN(value) || time - lastAt > gapMs) end();
    if (Number.isNaN(value)) continue;
    run.push(point(frame, time, value));
    lastAt = time;
  }
  end();
  return drawing;
}

function point(frame: Frame, at: number, value: number): string {
  return `${xOf(frame, at).toFixed(1)} ${yOf(frame, value).toFixed(1)}`;
}

/** The stretches in which nothing was heard, as far as the frame shows them. */
export function gapsOf(
  at: readonly number[],
  { from, to }: Pick<Frame, 'from' | 'to'>,
  gapMs: number,
): [number, number][] {
  const gaps: [number, number][] = [];
  let last: number | undefined;
  for (const time of [...at, to]) {
    if (last !== undefined && time - last > gapMs && time > from)
      gaps.push([Math.max(from, last), Math.min(to, time)]);
    last = time;
  }
  return gaps;
}

const daySecs = 86_400;
const steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, daySecs];

/** Round times for the axis, about `most` of them and no more than one further. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const spanSecs = (to - from) / 1_000;
  const wholeDays = Math.ceil(spanSecs / daySecs / most) * daySecs;
  const stepMs = (steps.find((step) => spanSecs / step <= most) ?? wholeDays) * 1_000;
  // Round in the reader's zone, not in UTC.
  const offsetMs = new Date(to).getTimezoneOffset() * 60_000;
  const first = Math.ceil((from - offsetMs) / stepMs) * stepMs + offsetMs;
  const ticks: number[] = [];
  for (let tick = first; tick <= to; tick += stepMs) ticks.push(tick);
  return ticks;
}

/** What stands below each of the ticks: as much of the time as tells them apart. */
export function tickLabels(ticks: readonly number[]): string[] {
  const [first = 0, second = 0] = ticks;
  if (second - first >= daySecs * 1_000) return ticks.map(formatDay);
  const withSeconds = ticks.some((tick) => tick % 60_000 !== 0);
  return ticks.map((tick) => formatClock(tick).slice(0, withSeconds ? 8 : 5));
}

function formatDay(tick: number): string {
  return new Date(tick).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
}

/** The row whose time is nearest; undefined when none is within `withinMs`. */
export function nearest(at: readonly number[], time: number, withinMs: number): number | undefined {
  let [low, high] = [0, at.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((at[middle] ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  const candidates = [low - 1, low].filter((i) => at[i] !== undefined);
  const distance = (i: number) => Math.abs((at[i] ?? Infinity) - time);
  const [best] = candidates.sort((a, b) => distance(a) - distance(b));
  return best !== undefined && distance(best) <= withinMs ? best : undefined;
}
