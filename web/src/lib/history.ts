import type { TelemetrySeries } from './telemetry/series.ts';

/** The last readings of one figure, for a sparkline. `undefined` is a moment without a reading. */
export type History = readonly (number | undefined)[];

export const historyLength = 60;

/** CPU of the last readings; a silence is one missing reading, however long it was. */
export function cpuHistory({
  series,
  silenceMs,
}: {
  series: Pick<TelemetrySeries, 'recent'>;
  /** A longer time without a reading is a silence. */
  silenceMs: number;
}): History {
  const { at, values } = series.recent;
  const history: (number | undefined)[] = [];
  for (let i = Math.max(0, at.length - historyLength); i < at.length; i++) {
    if (i > 0 && history.length > 0 && (at[i] ?? 0) - (at[i - 1] ?? 0) > silenceMs) history.push(undefined);
    const value = values.cpu[i];
    history.push(value === undefined || Number.isNaN(value) ? undefined : value);
  }
  return history.slice(-historyLength);
}

/**
 * An SVG path over the history, newest at the right edge; moments without a reading leave a gap.
 * @param ceiling the figure that reaches the top; larger readings raise it
 */
export function sparklinePath(
  history: History,
  { width, height, ceiling }: { width: number; height: number; ceiling: number },
): { line: string; area: string } {
  const top = Math.max(ceiling, ...history.map((reading) => reading ?? 0));
  const step = width / (historyLength - 1);
  const offset = historyLength - history.length;
  const runs: [number, number][][] = [];
  let run: [number, number][] | undefined;
  for (const [i, reading] of history.entries()) {
    if (reading === undefined) {
      run = undefined;
      continue;
    }
    if (!run) runs.push((run = []));
    run.push([(offset + i) * step, height - (reading / top) * height]);
  }
  const point = ([x, y]: [number, number]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const line = runs.map((points) => `M${points.map(point).join('L')}`).join('');
  const area = runs
    .map((points) => {
      const [left, right] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0];
      return `M${left.toFixed(1)} ${height}L${points.map(point).join('L')}L${right.toFixed(1)} ${height}Z`;
    })
    .join('');
  return { line, area };
}
