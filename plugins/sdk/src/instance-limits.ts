import type { PluginConfig } from './protocol/plugin.ts';
import { rateLimited } from './rate-limited.ts';
import { bucketLimitOf, takeOneOfEach, TokenBucket } from './token-bucket.ts';
import type { BucketLimit } from './token-bucket.ts';

type LimitedConfig = Pick<PluginConfig, 'id' | 'limits' | 'replicas'>;

/**
 * The rate limits of a plugin in one of its instances, for who does not come through a gateway. Instances do not know what
 * the others let through, and the broker spreads invocations evenly: each of n lets an n-th through.
 */
export class InstanceLimits {
  readonly #id: string;
  #plugin: TokenBucket | undefined;
  #capabilities = new Map<string, TokenBucket>();

  constructor(config: LimitedConfig, now = performance.now()) {
    this.#id = config.id;
    this.configure(config, now);
  }

  /** Buckets that stay keep what is in them. */
  configure({ limits, replicas }: Omit<LimitedConfig, 'id'>, now = performance.now()): void {
    const { rate_per_second, burst, capabilities = {} } = limits;
    const share = 1 / Math.max(1, replicas);
    const whole = rate_per_second !== undefined && {
      rate_per_second,
      ...(burst !== undefined && { burst }),
    };
    this.#plugin = whole ? changed(this.#plugin, bucketLimitOf(whole, share), now) : undefined;
    this.#capabilities = new Map(
      Object.entries(capabilities).map(([id, one]) => [
        id,
        changed(this.#capabilities.get(id), bucketLimitOf(one, share), now),
      ]),
    );
  }

  /** Lets one invocation through. @throws BkgError RATE_LIMITED */
  take(capability: string, at?: number): void {
    const plugin = this.#plugin;
    const own = this.#capabilities.size > 0 ? this.#capabilities.get(capability) : undefined;
    if (!plugin && !own) return;
    const now = at ?? performance.now();
    const shortage = takeOneOfEach(plugin && own ? [plugin, own] : [plugin ?? own!], now);
    if (!shortage) return;
    const { bucket, waitMs } = shortage;
    const what = `${bucket === own ? `${capability} of ` : ''}this instance of ${this.#id}`;
    throw rateLimited({ what, limit: bucket.limit, waitMs });
  }
}

function changed(bucket: TokenBucket | undefined, limit: BucketLimit, now: number): TokenBucket {
  bucket?.change(limit, now);
  return bucket ?? new TokenBucket(limit, now);
}
