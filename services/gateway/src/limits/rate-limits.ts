import { bucketLimitOf, rateLimited, takeOneOfEach } from '@bkg/sdk';
import type { BkgError, PluginConfig, RateLimit, TokenBucket } from '@bkg/sdk';
import type { Catalog } from '../mesh/catalog.ts';
import { Buckets } from './buckets.ts';

/** Whose invocation it is, as far as limits go. */
export interface LimitedCaller {
  /** Of its key. */
  prefix: string;
  limits?: RateLimit | undefined;
}

export interface LimitedCall {
  pluginId: string;
  capability: string;
  /** @default nobody, whom nothing limits */
  caller?: LimitedCaller | undefined;
}

/** What limits can be of. */
export type Policy = 'key' | 'plugin' | 'capability';

/** A limit that an invocation has to keep to. */
export interface Holding {
  policy: Policy;
  /** Of its bucket: `key:<prefix>`, `plugin:<id>`, `plugin:<id>:<capability>`. */
  name: string;
  bucket: TokenBucket;
}

/** What the limits say of one invocation. */
export interface Charge {
  /** At least one. */
  holdings: readonly Holding[];
  at: number;
  /** Why it is not let through; it has taken nothing then. */
  refusal: BkgError | undefined;
}

export interface RateLimitsOptions {
  catalog: Pick<Catalog, 'get'>;
  /** Hears of each token that was taken. */
  onSpend?: (holding: Holding) => void;
  /** Buckets at a time. @default 10000 */
  bucketsMost?: number;
  now?: () => number;
}

/** The limits of keys, plugins and capabilities, as far as this gateway knows what was let through. */
export class RateLimits {
  readonly #catalog: Pick<Catalog, 'get'>;
  readonly #onSpend: (holding: Holding) => void;
  readonly #buckets: Buckets;
  readonly #now: () => number;

  constructor(options: RateLimitsOptions) {
    const {
      catalog,
      onSpend = () => undefined,
      bucketsMost = 10_000,
      now = () => performance.now(),
    } = options;
    this.#catalog = catalog;
    this.#onSpend = onSpend;
    this.#buckets = new Buckets(bucketsMost);
    this.#now = now;
  }

  /** Takes one token of each limit that holds for it, or none. @returns undefined when nothing limits it */
  charge({ pluginId, capability, caller }: LimitedCall): Charge | undefined {
    const ofPlugin = this.#catalog.get(pluginId)?.config.limits;
    const ofKey = caller?.limits;
    // Nearly all have none.
    if (!ofKey && ofPlugin?.rate_per_second === undefined && !ofPlugin?.capabilities) return undefined;
    const at = this.#now();
    const holdings: Holding[] = [];
    const hold = (policy: Policy, name: string, limit: RateLimit | undefined): void => {
      if (limit) holdings.push({ policy, name, bucket: this.#buckets.get(name, bucketLimitOf(limit), at) });
    };
    if (caller) hold('key', `key:${caller.prefix}`, ofKey);
    hold('plugin', `plugin:${pluginId}`, ofPlugin && wholeOf(ofPlugin));
    hold('capability', `plugin:${pluginId}:${capability}`, capabilityOf(ofPlugin, capability));
    if (holdings.length === 0) return undefined;
    const shortage = takeOneOfEach(
      holdings.map(({ bucket }) => bucket),
      at,
    );
    if (!shortage) {
      for (const holding of holdings) this.#onSpend(holding);
      return { holdings, at, refusal: undefined };
    }
    const { bucket, waitMs } = shortage;
    const empty = holdings.find((one) => one.bucket === bucket)?.policy;
    const owners = {
      key: `the key ${caller?.prefix}`,
      plugin: pluginId,
      capability: `${capability} of ${pluginId}`,
    };
    const what = owners[empty ?? 'plugin'];
    return { holdings, at, refusal: rateLimited({ what, limit: bucket.limit, waitMs }) };
  }

  /** Another gateway has let so many through. @param limit as it knows it; what is known here counts more */
  spend(name: string, n: number, limit: RateLimit): void {
    const at = this.#now();
    this.#buckets.peek(name, bucketLimitOf(limit), at).spend(n, at);
  }
}

function wholeOf({ rate_per_second, burst }: PluginConfig['limits']): RateLimit | undefined {
  if (rate_per_second === undefined) return undefined;
  return { rate_per_second, ...(burst !== undefined && { burst }) };
}

function capabilityOf(limits: PluginConfig['limits'] | undefined, capability: string): RateLimit | undefined {
  const { capabilities } = limits ?? {};
  return capabilities && Object.hasOwn(capabilities, capability) ? capabilities[capability] : undefined;
}
