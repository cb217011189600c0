import type { EndpointStats } from './protocol/micro.ts';
import { latencyBucket, latencyBucketCount } from './protocol/telemetry.ts';

interface EndpointCounts {
  requests: number;
  errors: number;
  lastError: string;
  processingNs: number;
}

/** Counts every invocation once, when its answer is due. */
export class Statistics {
  readonly started = new Date();
  readonly #endpoints = new Map<string, EndpointCounts>();
  readonly #buckets = new Array<number>(latencyBucketCount).fill(0);
  #requests = 0;
  #errors = 0;
  #lastError = '';

  constructor(capabilities: readonly string[]) {
    for (const id of capabilities) {
      this.#endpoints.set(id, { requests: 0, errors: 0, lastError: '', processingNs: 0 });
    }
  }

  get requests(): number {
    return this.#requests;
  }

  get errors(): number {
    return this.#errors;
  }

  get lastError(): string {
    return this.#lastError;
  }

  get buckets(): [number, number][] {
    return this.#buckets.flatMap((n, i): [number, number][] => (n > 0 ? [[i, n]] : []));
  }

  /**
   * @param capability one of the plugin's, or one that nobody has: that counts for the plugin only
   * @param error `CODE: detail` when it failed
   */
  count(capability: string, durationMs: number, error?: string): void {
    this.#requests += 1;
    this.#buckets[latencyBucket(durationMs)]! += 1;
    const endpoint = this.#endpoints.get(capability);
    if (endpoint) {
      endpoint.requests += 1;
      endpoint.processingNs += Math.round(durationMs * 1e6);
    }
    if (error === undefined) return;
    this.#errors += 1;
    this.#lastError = error;
    if (!endpoint) return;
    endpoint.errors += 1;
    endpoint.lastError = error;
  }

  /** The numbers of one endpoint as ADR-32 wants them: integers, times in nanoseconds. */
  endpoint(
    capability: string,
  ): Pick<
    EndpointStats,
    'num_requests' | 'num_errors' | 'last_error' | 'processing_time' | 'average_processing_time'
  > {
    const {
      requests = 0,
      errors = 0,
      lastError = '',
      processingNs = 0,
    } = this.#endpoints.get(capability) ?? {};
    return {
      num_requests: requests,
      num_errors: errors,
      last_error: lastError,
      processing_time: processingNs,
      average_processing_time: requests === 0 ? 0 : Math.round(processingNs / requests),
    };
  }
}
