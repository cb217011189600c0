import { bucketLimitOf, rateLimited, takeOneOfEach } from '@bkg/sdk';
import type { BkgError, BucketLimit, PluginConfig, RateLimit, TokenBucket } from '@bkg/sdk';
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
    if (caller && ofKey) holdings.push(this.#hold(namedOfKey(caller.prefix, ofKey), at));
    const { whole, capabilities } = (ofPlugin && namedOfPlugin(pluginId, ofPlugin)) ?? {};
    if (whole) holdings.push(this.#hold(whole, at));
    const one = capabilities?.get(capability);
    if (one) holdings.push(this.#hold(one, at));
    if (holdings.length === 0) return undefined;
    const shortage = takeOneOfEach(
      holdings.map((holding) => holding.bucket),
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

  #hold(named: Named, at: number): Holding {
    const { policy, name, limit, last } = named;
    const bucket = this.#buckets.get(name, limit, at);
    if (last?.bucket === bucket) return last;
    return (named.last = { policy, name, bucket });
  }

  /** Another gateway has let so many through. @param limit as it knows it; what is known here counts more */
  spend(name: string, n: number, limit: RateLimit): void {
    const at = this.#now();
    this.#buckets.peek(name, bucketLimitOf(limit), at).spend(n, at);
  }
}

/** A limit with the name of its bucket. */
interface Named {
  policy: Policy;
  name: string;
  limit: BucketLimit;
  /** Made of it, the last time. */
  last?: Holding;
}

interface NamedOfKey extends Named {
  prefix: string;
}

interface NamedOfPlugin {
  pluginId: string;
  whole: Named | undefined;
  capabilities: ReadonlyMap<string, Named>;
}

/** What a configuration says stays the same object for as long as it says it: names are made once, and not for each invocation. */
const ofKeys = new WeakMap<RateLimit, NamedOfKey>();
const ofPlugins = new WeakMap<PluginConfig['limits'], NamedOfPlugin>();

function namedOfKey(prefix: string, ofKey: RateLimit): NamedOfKey {
  let named = ofKeys.get(ofKey);
  // Nothing keeps two keys from sharing what they are limited by.
  if (named?.prefix === prefix) return named;
  named = { prefix, policy: 'key', name: `key:${prefix}`, limit: bucketLimitOf(ofKey) };
  ofKeys.set(ofKey, named);
  return named;
}

function namedOfPlugin(pluginId: string, limits: PluginConfig['limits']): NamedOfPlugin {
  let named = ofPlugins.get(limits);
  // As above.
  if (named?.pluginId === pluginId) return named;
  const { rate_per_second, burst, capabilities = {} } = limits;
  const whole = rate_per_second !== undefined && {
    rate_per_second,
    ...(burst !== undefined && { burst }),
  };
  const name = `plugin:${pluginId}`;
  named = {
    pluginId,
    whole: whole ? { policy: 'plugin', name, limit: bucketLimitOf(whole) } : undefined,
    capabilities: new Map(
      Object.entries(capabilities).map(([id, limit]): [string, Named] => [
        id,
        { policy: 'capability', name: `${name}:${id}`, limit: bucketLimitOf(limit) },
      ]),
    ),
  };
  ofPlugins.set(limits, named);
  return named;
}
