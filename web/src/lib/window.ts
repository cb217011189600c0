/** Which rows of a long list of equally high rows have to exist to fill what is seen. */
export interface RowWindow {
  first: number;
  /** Exclusive. */
  end: number;
}

/** Rows above and below what is seen, so that a fast scroll shows no blank. */
const spare = 10;

export function rowWindow({
  scrollTop,
  height,
  rowHeight,
  count,
}: {
  scrollTop: number;
  height: number;
  rowHeight: number;
  count: number;
}): RowWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + spare);
  return { first: Math.min(first, end), end };
}

/** The index of the first row whose number is at least `seq`; rows are in rising order. */
export function indexOfSeq(rows: readonly { seq: number }[], seq: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]?.seq ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
