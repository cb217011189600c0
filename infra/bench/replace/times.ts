/** Times in ms, sorted. */
export type Times = Float64Array;

/** The longest time between two of them from `from` until `to`, which count as such. */
export function longestGap(times: Times, from: number, to: number): number {
  const within = times.subarray(countBefore(times, from), countBefore(times, to));
  let [longest, last] = [0, from];
  for (const time of within) {
    longest = Math.max(longest, time - last);
    last = time;
  }
  return Math.max(longest, to - last);
}

export function countBetween(times: Times, from: number, to: number): number {
  return Math.max(0, countBefore(times, to) - countBefore(times, from));
}

function countBefore(times: Times, at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
