import { cut, paint } from './terminal.ts';

export interface Column<Row> {
  title: string;
  cell: (row: Row) => string;
  /** Numbers stand to the right. */
  align?: 'right';
  /** How narrow it may become when the line is too long; others keep their width. */
  least?: number;
  /** Applied to the padded text. */
  paint?: (text: string, row: Row) => string;
}

const gap = '  ';

/** Lines of a table, the titles first, and dim. @param most columns of the terminal */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  most: number,
): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)),
  );
  shrink(columns, widths, most);
  const fit = (text: string, i: number): string => {
    const width = widths[i] ?? 0;
    return columns[i]?.align === 'right' ? cut(text, width).padStart(width) : cut(text, width).padEnd(width);
  };
  const lines = cells.map((line, at) =>
    line.map((text, i) => {
      const row = rows[at];
      const fitted = fit(text, i);
      return row === undefined ? fitted : (columns[i]?.paint?.(fitted, row) ?? fitted);
    }),
  );
  const [titles = '', ...rest] = [columns.map(({ title }, i) => fit(title, i)), ...lines].map((line) =>
    line.join(gap).trimEnd(),
  );
  return [paint('dim', titles), ...rest];
}

/** Takes from the widest of those that may become narrower, until all fit. */
function shrink<Row>(columns: readonly Column<Row>[], widths: number[], most: number): void {
  const total = (): number => widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1));
  while (total() > most) {
    const yielding = columns.flatMap(({ least }, i) =>
      least !== undefined && (widths[i] ?? 0) > least ? [i] : [],
    );
    if (yielding.length === 0) return;
    const widest = yielding.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a));
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
