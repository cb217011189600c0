/** What one gateway has let through of one limit since it last said so. */
export interface Spent {
  /** `key:<prefix>`, `plugin:<id>` or `plugin:<id>:<capability>`. */
  bucket: string;
  tokens: number;
  /** The limit, for who does not know it yet. */
  rate_per_second: number;
  burst: number;
}

const bucketPattern = /^(?:key:\w{1,64}|plugin:[a-z0-9_-]{1,63}(?::[a-z0-9_.-]{1,64})?)$/;
const numberMost = 1_000_000;

export function isSpent(value: unknown): value is Spent {
  const { bucket, tokens, rate_per_second, burst } = Object(value) as Partial<Record<keyof Spent, unknown>>;
  return (
    typeof bucket === 'string' &&
    bucketPattern.test(bucket) &&
    isBetween(tokens, 0, Number.MAX_SAFE_INTEGER) &&
    isBetween(rate_per_second, 0, numberMost) &&
    rate_per_second !== 0 &&
    isBetween(burst, 1, numberMost)
  );
}

function isBetween(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}
