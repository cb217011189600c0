import { reconcile } from '../src/reconcile.ts';
import type { Action, Desired, ObservedInstance } from '../src/reconcile.ts';
import { randomOf } from './hostile.ts';
import type { Random } from './hostile.ts';

/** One step of the model is a second. */
const limits = { graceMs: 10_000 };
const startTimeoutMs = 30_000;
const launchedBefore = 100_000;
const begin = 1_000_000;

/** A process: what is known of it, and what will become of it; times are in ms, Infinity is never. */
interface Process {
  known: ObservedInstance;
  generation: number;
  /** Not every plugin knows that it may be held. */
  knowsHolding: boolean;
  readyAt: number;
  /** When its trial ends, if one is under way. */
  triedAt?: number;
  /** When it ends, once it was asked to. */
  endsAt: number;
}

export interface Course {
  seed: number;
  /** What goes wrong does so before this. */
  troubleUntil: number;
  singleWriter: boolean;
}

/** A plugin whose instances are replaced, and the supervisor that does so. */
export class Model {
  readonly instances: number;
  /** How many served when it began. */
  readonly startedWith: number;
  /** How many processes that stay there may be. */
  readonly most: number;
  readonly #random: Random;
  readonly #course: Course;
  readonly #trace: string[] = [];
  #processes: Process[];
  #now = begin;
  /** The generation that is wanted; 1 replaces 0. */
  #wanted = 1;
  #inRollout: boolean;
  #committed: boolean;
  #failures = 0;
  #launchFrom = 0;
  #pausedUntil = 0;
  #count = 0;

  constructor(course: Course) {
    this.#course = course;
    this.#random = randomOf(course.seed);
    this.instances = course.singleWriter ? 1 : 1 + this.#random.below(4);
    this.#inRollout = this.#random.below(2) === 0;
    this.#committed = !this.#inRollout || this.#random.below(2) === 0;
    const most = course.singleWriter ? 1 : this.instances + 1;
    this.#processes = Array.from({ length: this.#random.below(most + 1) }, () => this.#leftBehind());
    this.startedWith = this.#serving().length;
    // Until it is written that the new ones are wanted all that run stay.
    this.most = 1 + Math.max(this.instances, this.#committed ? 0 : this.startedWith);
  }

  get isSettled(): boolean {
    const fresh = this.#serving().filter(({ generation }) => generation === this.#wanted);
    return fresh.length === this.instances && this.#processes.length === this.instances;
  }

  get seconds(): number {
    return (this.#now - begin) / 1_000;
  }

  get inService(): number {
    return this.#serving().length;
  }

  get processes(): number {
    return this.#processes.length;
  }

  get processesThatStay(): number {
    return this.#processes.filter(({ known }) => known.status !== 'stopping').length;
  }

  /** What has happened, and how it stands. */
  toString(): string {
    const state = this.#processes.map(
      ({ known, generation }) => `${known.instance} of ${generation}: ${word(known)}`,
    );
    return `seed ${this.#course.seed}, ${this.instances} wanted of ${this.#wanted}; ${this.#trace.join('; ')}; now ${state.join(', ')}`;
  }

  step(): void {
    this.#now += 1_000;
    this.#processes = this.#processes.filter((one) => !this.#hasEnded(one));
    for (const one of this.#processes) this.#live(one);
    if (this.#now < this.#pausedUntil) return;
    if (this.#random.below(15) === 0) this.#pause();
    else this.#decide();
  }

  /** The supervisor does nothing for a while, or another takes its place, which does not know what this one was doing. */
  #pause(): void {
    this.#pausedUntil = this.#now + 1_000 * (1 + this.#random.below(8));
    if (this.#random.below(2) === 0) return;
    this.#note('a new supervisor');
    for (const one of this.#processes) delete one.triedAt;
    this.#launchFrom = 0;
  }

  #decide(): void {
    const fresh = this.#serving().filter(({ generation }) => generation === this.#wanted);
    if (fresh.length > 0 && this.#random.below(3) === 0) this.#committed = true;
    if (this.isSettled) this.#inRollout = false;
    const desired: Desired = {
      instances: this.instances,
      launchable: true,
      singleWriter: this.#course.singleWriter,
      onTrial: this.#inRollout,
      committed: this.#committed,
    };
    const instances = this.#processes.map(({ known, generation }) => ({
      ...known,
      outdated: generation !== this.#wanted,
    }));
    const observed = { instances, launchFrom: this.#launchFrom };
    for (const action of reconcile(desired, observed, limits, this.#now)) this.#act(action);
  }

  #act(action: Action): void {
    if (action.type === 'wait') return;
    if (action.type === 'launch') return this.#launch(action.held);
    const one = this.#processes.find(({ known }) => known.instance === action.instance);
    if (!one) throw new Error(`there is no ${action.instance}`);
    if (action.type !== 'try' || one.triedAt === undefined) this.#note(`${action.type} ${action.instance}`);
    switch (action.type) {
      case 'try':
        one.triedAt ??= this.#soon(3);
        return;
      case 'configure':
        one.known = { ...one.known, unconfigured: false };
        return;
      case 'drain':
        this.#end(one);
        return;
      case 'kill':
        one.known = { ...one.known, killed: true };
        return;
    }
  }

  #launch(held: boolean): void {
    this.#count += 1;
    const instance = `n${this.#count}`;
    this.#note(`launch ${instance}${held ? ' held' : ''}`);
    this.#processes.push({
      known: { ...blank, instance, launchedAt: this.#now, since: this.#now, onTrial: held },
      generation: this.#wanted,
      knowsHolding: this.#random.below(3) > 0,
      readyAt: this.#goesWrong(6) ? Infinity : this.#soon(5),
      endsAt: Infinity,
    });
  }

  #end(one: Process): void {
    one.known = { ...one.known, status: 'stopping', since: this.#now };
    one.endsAt = this.#goesWrong(6) ? Infinity : this.#soon(5);
    delete one.triedAt;
  }

  /** What a process does by itself. */
  #live(one: Process): void {
    const { known, knowsHolding } = one;
    if (known.status === 'stopping' || known.killed) return;
    if (known.status === 'starting' && !known.held && this.#now >= one.readyAt)
      one.known = known.onTrial && knowsHolding ? { ...known, held: true } : { ...known, status: 'running' };
    if (one.triedAt !== undefined && this.#now >= one.triedAt) this.#endTrial(one);
    else if (known.status === 'running' && this.#goesWrong(60))
      one.known = { ...known, useless: { why: 'silent', until: this.#now + 30_000 } };
  }

  #endTrial(one: Process): void {
    delete one.triedAt;
    if (this.#goesWrong(4)) {
      this.#fail(one);
      this.#end(one);
      return;
    }
    this.#note(`${one.known.instance} has passed`);
    one.known = { ...one.known, status: 'running', held: false, onTrial: false };
  }

  #hasEnded(one: Process): boolean {
    const { known, endsAt } = one;
    if (known.killed || this.#now >= endsAt) {
      if (known.status !== 'stopping') this.#fail(one);
      return true;
    }
    if (known.status === 'stopping' || !this.#goesWrong(40)) return false;
    this.#note(`${known.instance} has crashed`);
    this.#fail(one);
    return true;
  }

  /** A rollout whose new instance is no good is taken back; otherwise another is tried after a while. */
  #fail({ generation }: Process): void {
    if (this.#inRollout && generation === this.#wanted && this.#wanted === 1) {
      this.#wanted = 0;
      this.#committed = true;
      this.#note('the rollout is taken back');
      return;
    }
    this.#failures += 1;
    this.#launchFrom = this.#now + Math.min(30_000, 500 * 2 ** this.#failures);
  }

  /** One that an earlier supervisor has left, in whatever state. */
  #leftBehind(): Process {
    const status = this.#random.pick(['running', 'running', 'running', 'starting', 'stopping'] as const);
    const onTrial = status !== 'stopping' && this.#random.below(5) === 0;
    this.#count += 1;
    return {
      known: {
        ...blank,
        instance: `b${this.#count}`,
        launchedAt: begin - launchedBefore + this.#random.below(50_000),
        since: begin,
        // It starts for longer than it would wait for by now.
        startTimeoutMs: launchedBefore + startTimeoutMs,
        status,
        onTrial,
        held: onTrial && status === 'starting' && this.#random.below(2) === 0,
        unconfigured: status === 'running' && this.#random.below(4) === 0,
      },
      generation: this.#random.pick([0, 0, 1]),
      knowsHolding: true,
      readyAt: this.#soon(5),
      endsAt: status === 'stopping' ? this.#soon(5) : Infinity,
    };
  }

  #serving(): Process[] {
    return this.#processes.filter(
      ({ known: { status, onTrial, useless, killed } }) =>
        status === 'running' && !onTrial && useless === undefined && !killed,
    );
  }

  #soon(mostSeconds: number): number {
    return this.#now + 1_000 * (1 + this.#random.below(mostSeconds));
  }

  #goesWrong(oneOf: number): boolean {
    return this.seconds < this.#course.troubleUntil && this.#random.below(oneOf) === 0;
  }

  #note(text: string): void {
    this.#trace.push(`${this.seconds} s ${text}`);
  }
}

const blank: ObservedInstance = {
  instance: '',
  status: 'starting',
  launchedAt: begin,
  since: begin,
  startTimeoutMs,
  outdated: false,
  held: false,
  onTrial: false,
  unconfigured: false,
  killed: false,
};

function word({ status, held, onTrial, useless, killed }: ObservedInstance): string {
  const more = [held && 'held', onTrial && 'on trial', useless !== undefined && 'silent', killed && 'killed'];
  return [status, ...more.filter(Boolean)].join(' ');
}
