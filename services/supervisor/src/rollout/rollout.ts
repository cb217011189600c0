import { BkgError, round } from '@bkg/sdk';
import type {
  ContractReport,
  PluginConfig,
  Rollout as Receipt,
  RolloutInstance,
  RolloutInvocations,
  RolloutStep,
} from '@bkg/sdk';
import { now } from '../clock.ts';
import type { RolloutPlan } from './rollout-plan.ts';
import type { ManagedInstance } from '../managed-instance.ts';
import type { Target } from '../plugin.ts';
import type { Verdict } from '../verdict.ts';

/** An instance that comes. */
interface Arrival {
  readonly instance: string;
  readonly version: string;
  readonly launchedAt: number;
  readyAt?: number;
  selfTestMs?: number;
  passedAt?: number;
}

/** An instance that goes. */
interface Departure {
  readonly instance: string;
  readonly askedAt: number;
  endedAt?: number;
}

const noContract: ContractReport = { breaks: [], unknown: [] };
const noInvocations: RolloutInvocations = { answered: 0, failed: 0, lost: 0 };

/** The replacement of a plugin's instances: what shall come of it, how far it is, and in the end what has come of it. */
export class Rollout {
  readonly plan: RolloutPlan;
  contract: ContractReport = noContract;
  invocations: RolloutInvocations = noInvocations;
  /** Those that were answered. */
  readonly selfTests = { answered: 0, failed: 0 };
  readonly #startedAt = now();
  readonly #arrivals: Arrival[] = [];
  readonly #departures: Departure[] = [];
  /** Those that have ended and could have held invocations, asked to or not, and whether in order. */
  readonly #gone = new Map<string, boolean>();
  #hasBegun = false;
  #committed: boolean;
  #failure: BkgError | undefined;
  #failed: string | undefined;
  #isCancelled = false;
  #endedAt: number | undefined;
  #pausedFrom: number | undefined;
  #pausedMs: number | undefined;

  constructor(plan: RolloutPlan) {
    this.plan = plan;
    this.#committed = plan.isCommitted;
  }

  /** From here on instances are replaced: what it has to write first is written. */
  begin(): void {
    this.#hasBegun = true;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Nothing but its version may be launched; another configuration goes to whatever counts. */
  get isOfVersion(): boolean {
    return this.#hasBegun && this.plan.verb !== 'configure';
  }

  /** What instances must be to stay: before it begins and after a failure what they were before. */
  get target(): Target {
    const isKept = !this.#failure || (this.#isCancelled && this.#committed);
    return this.#hasBegun && isKept ? this.plan.target : this.plan.before.target;
  }

  /** After a failure the configuration of before; undefined otherwise: then what is written counts. */
  get config(): PluginConfig | undefined {
    return this.#failure && !this.#isCancelled ? this.plan.before.config : undefined;
  }

  /** Old instances may go. */
  get isCommitted(): boolean {
    return this.#committed || this.#failure !== undefined || !this.#hasBegun;
  }

  /** It was written that the new instances are wanted. */
  get wasCommitted(): boolean {
    return this.#committed;
  }

  /** What it leaves when it is cancelled now, as a sentence that follows another. */
  get stays(): string {
    const { verb, target } = this.plan;
    if (!this.#committed || verb === 'restart') return '';
    return verb === 'configure' ? ' The configuration stays.' : ` Version ${target.version} stays.`;
  }

  get failure(): BkgError | undefined {
    return this.#failure;
  }

  /** The instance that made it fail. */
  get failed(): string | undefined {
    return this.#failed;
  }

  /** It has failed because something else was ordered: what it has written stays. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** The first of the new ones takes invocations. */
  get hasArrived(): boolean {
    return this.#arrivals.some(({ passedAt }) => passedAt !== undefined);
  }

  commit(): void {
    this.#committed = true;
  }

  /** The first failure counts. @param instance that of which it is */
  fail(error: BkgError, instance?: string): void {
    if (this.#failure || this.#endedAt !== undefined) return;
    this.#failure = error;
    this.#failed = instance;
  }

  /** Something else was ordered. */
  cancel(error: BkgError): void {
    if (this.#failure || this.#endedAt !== undefined) return;
    this.#isCancelled = true;
    this.#failure = error;
  }

  launched({ id, record, launchedAt }: ManagedInstance): void {
    if (this.#failure || this.#endedAt !== undefined) return;
    this.#arrivals.push({ instance: id, version: record.version, launchedAt });
  }

  /** It could take invocations. */
  ready(instance: string): void {
    const arrival = this.#arrivalOf(instance);
    if (arrival) arrival.readyAt ??= now();
  }

  /** It has answered its self-test. */
  selfTested(instance: string, tookMs: number, hasPassed: boolean): void {
    const arrival = this.#arrivalOf(instance);
    if (arrival) arrival.selfTestMs = tookMs;
    this.selfTests.answered += 1;
    if (!hasPassed) this.selfTests.failed += 1;
  }

  /** It takes invocations. */
  passed(instance: string): void {
    const arrival = this.#arrivalOf(instance);
    if (arrival) arrival.passedAt = now();
    this.#resume();
  }

  /** One that shall go was asked to. */
  draining(instance: string): void {
    if (this.#arrivalOf(instance)) return;
    if (this.plan.singleWriter) this.#pausedFrom ??= now();
    // Those that go because it has failed have no successor.
    if (!this.#failure) this.#departures.push({ instance, askedAt: now() });
  }

  /** @returns whether it was one that came, so that this rollout has failed, unless it is over */
  ended({ id, wasAskedToStop }: ManagedInstance, { status, text }: Verdict): boolean {
    const departure = this.#departures.find(({ instance }) => instance === id);
    if (departure) departure.endedAt = now();
    const arrival = this.#arrivalOf(id);
    // What was never let in has taken no invocations.
    if (!arrival || arrival.passedAt !== undefined) this.#gone.set(id, status === 'stopped');
    if (!arrival || this.#endedAt !== undefined) return false;
    if (!wasAskedToStop) {
      const { pluginId, target } = this.plan;
      this.fail(new BkgError('PLUGIN_CRASHED', `${pluginId} ${target.version} ${text}.`), id);
    }
    return true;
  }

  /** The instances that went, and whether they did so in order. */
  get departed(): ReadonlyMap<string, boolean> {
    return new Map([...this.#departures.map(({ instance }) => [instance, false] as const), ...this.#gone]);
  }

  end(): void {
    this.#endedAt = now();
    this.#resume();
  }

  get receipt(): Receipt {
    const { verb, by, why, from, target } = this.plan;
    const { step } = this;
    return {
      verb,
      state: this.#endedAt === undefined ? 'running' : this.#failure ? 'failed' : 'done',
      ...(step && { step }),
      ...(this.#failure && { error: this.#failure.message }),
      by,
      why,
      from,
      to: target.version,
      started_at: new Date(this.#startedAt).toISOString(),
      ...(this.#endedAt !== undefined && { duration_ms: spanMs(this.#endedAt - this.#startedAt) }),
      ...(this.#pausedMs !== undefined && { paused_ms: spanMs(this.#pausedMs) }),
      instances: this.#pairs.map(([arrival, departure]) => shown(arrival, departure)),
      invocations: this.invocations,
      contract: this.contract,
    };
  }

  /** One comes for one, in the same order; of a single writer, before it is known whether it is good enough. */
  get #pairs(): [Arrival, Departure | undefined][] {
    const departures = [...this.#departures];
    return this.#arrivals.map((arrival) => {
      const isSuccessor = this.plan.singleWriter || arrival.passedAt !== undefined;
      return [arrival, isSuccessor ? departures.shift() : undefined];
    });
  }

  get step(): RolloutStep | undefined {
    if (this.#endedAt !== undefined) return undefined;
    if (this.#failure) return 'reverting';
    const latest = this.#arrivals.at(-1);
    if (!latest) return this.#pausedFrom === undefined ? 'starting' : 'draining';
    if (latest.readyAt === undefined) return 'starting';
    return latest.passedAt === undefined ? 'testing' : 'draining';
  }

  #resume(): void {
    if (this.#pausedFrom !== undefined) this.#pausedMs ??= now() - this.#pausedFrom;
  }

  #arrivalOf(instance: string): Arrival | undefined {
    return this.#arrivals.find((one) => one.instance === instance);
  }
}

function shown(arrival: Arrival, departure: Departure | undefined): RolloutInstance {
  const { instance, version, launchedAt, readyAt, selfTestMs } = arrival;
  const { instance: replaced, askedAt = 0, endedAt } = departure ?? {};
  return {
    instance,
    version,
    ...(readyAt !== undefined && { ready_ms: spanMs(readyAt - launchedAt) }),
    ...(selfTestMs !== undefined && { self_test_ms: spanMs(selfTestMs) }),
    ...(replaced !== undefined && { replaced }),
    ...(endedAt !== undefined && { drain_ms: spanMs(endedAt - askedAt) }),
  };
}

/** To a tenth. A launch may be dated a millisecond ahead (`nextMs`). */
function spanMs(ms: number): number {
  return round(Math.max(0, ms), 1);
}
