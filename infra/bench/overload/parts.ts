import type { ErrorCode, PluginConfig } from '@bkg/sdk/protocol';
import type { Part } from './options.ts';

export interface PartPlan {
  plugin: string;
  /** How long its handler takes; 0 answers at once. */
  handlerMs: number;
  limits: Partial<PluginConfig['limits']>;
  /** Invocations a second that follow from its configuration; undefined where the machine decides. */
  configuredPerSecond?: number;
  /** What finds out how many it can do: at this rate, or as soon as there is an answer, so many at a time. */
  trial: { perSecond: number; mostUnderWay: number };
  /** What it may refuse with, and nothing else. */
  refusal: ErrorCode;
  /** Whether something has to be refused: a bounded number of connections may be all that an echo can take. */
  mustRefuse: boolean;
}

const [handlerMs, maxConcurrency, maxQueue] = [20, 8, 16];
const [ratePerSecond, burst] = [100, 50];

export const plans: Readonly<Record<Part, PartPlan>> = {
  work: {
    plugin: 'worker',
    handlerMs,
    limits: { max_concurrency: maxConcurrency, max_queue: maxQueue },
    configuredPerSecond: (maxConcurrency * 1_000) / handlerMs,
    // As many as find a place.
    trial: { perSecond: Infinity, mostUnderWay: maxConcurrency + maxQueue },
    refusal: 'BUSY',
    mustRefuse: true,
  },
  rate: {
    plugin: 'metered',
    handlerMs: 0,
    limits: { rate_per_second: ratePerSecond, burst },
    configuredPerSecond: ratePerSecond,
    trial: { perSecond: ratePerSecond, mostUnderWay: 64 },
    refusal: 'RATE_LIMITED',
    mustRefuse: true,
  },
  echo: {
    plugin: 'echo',
    handlerMs: 0,
    limits: {},
    trial: { perSecond: Infinity, mostUnderWay: 64 },
    refusal: 'BUSY',
    mustRefuse: false,
  },
};

/** Beside those that are overloaded: one that is invoked meanwhile, and one that is started and stopped. */
export const neighbour = 'neighbour';
export const toggled = 'toggled';

/** What all of them can do. */
export const capability = 'work';
