import { isDeepStrictEqual } from 'node:util';
import { configDefaults } from '@bkg/sdk';
import type { Connection, Logger, LogLevel, OtherInstance, PluginConfig } from '@bkg/sdk';
import { announceEnd } from './announce-end.ts';
import { now } from './clock.ts';
import { EndReasons } from './end-reasons.ts';
import type { InstanceRecord } from './instance-record.ts';
import type { Confinement } from './isolation/confinement.ts';
import { KeptRecord } from './kept-record.ts';
import { LifeSigns } from './life-signs.ts';
import type { OutputCapture } from './logs/log-capture.ts';
import type { InstanceProcess } from './process-driver.ts';
import { UsageOfInstance } from './process-usage.ts';
import type { ProcessUsage } from './process-usage.ts';
import type { KillReason, ObservedInstance } from './reconcile.ts';
import type { Sighting } from './sighting.ts';
import type { Timings } from './timings.ts';
import { seconds } from './seconds.ts';
import { killNotes } from './verdict.ts';
import type { Ending, Verdict } from './verdict.ts';

export interface ManagedInstanceOptions {
  record: InstanceRecord;
  /** What it was given; undefined when that cannot be read any more. */
  config: PluginConfig | undefined;
  runFolder: string;
  process: InstanceProcess;
  confinement: Confinement;
  capture: OutputCapture;
  connection: Connection;
  log: Logger;
  timings: Timings;
  /** The other instances of its plugin that may hold invocations. */
  others: () => OtherInstance[];
  /** Its status has changed. */
  onChange: () => void;
  /**
   * Its process is gone and all its output is kept.
   * @returns what becomes of the plugin now, as the end of the last line in its log
   */
  onEnd: (instance: ManagedInstance, verdict: Verdict) => string;
}

/** One process of a plugin, from its launch or adoption until its last line is kept. */
export class ManagedInstance {
  /** Why another shall run instead of it as soon as one can be started, as in "stopping: …". */
  obsolete: string | undefined;
  /** The revision that it does not take over while it runs. */
  notTakenOver: number | undefined;
  readonly #options: ManagedInstanceOptions;
  readonly #kept: KeptRecord;
  readonly #signs = new LifeSigns();
  readonly #reasons: EndReasons;
  #readyAt: number | undefined;
  #config: PluginConfig | undefined;
  #isLetGo = false;
  readonly #usage: UsageOfInstance | undefined;

  constructor(options: ManagedInstanceOptions) {
    this.#options = options;
    this.#kept = new KeptRecord(options.record, options.runFolder, options.log);
    this.#config = options.config;
    if (options.record.status === 'running') this.#readyAt = Date.parse(options.record.since);
    this.#reasons = new EndReasons(options, options.record.status === 'stopping');
    void options.process.ended
      .then((ending) => this.#end(ending))
      .catch((error: unknown) =>
        options.log.error({ error, instance: this.id }, 'the end of an instance cannot be noted'),
      );
    const { pid } = this;
    if (pid === undefined) return;
    this.#usage = new UsageOfInstance(pid, options.confinement);
    options.confinement.watch(pid, (what, text) => this.#exceed(what, text));
  }

  get id(): string {
    return this.record.instance;
  }

  get record(): Readonly<InstanceRecord> {
    return this.#kept.value;
  }

  get status(): InstanceRecord['status'] {
    return this.record.status;
  }

  get pid(): number | undefined {
    return this.#options.process.identity?.pid;
  }

  get silentSince(): number | undefined {
    return this.#signs.silentSince;
  }

  /** It was told to go, or goes: it is not one of those that are wanted. */
  get isLeaving(): boolean {
    return this.status === 'stopping' || this.#reasons.killed !== undefined;
  }

  /** It could take invocations, and waits until it is let in. */
  get isHeld(): boolean {
    return this.record.held === true;
  }

  /** It was launched to replace another, and has not passed its trial yet. */
  get isOnTrial(): boolean {
    return this.record.on_trial === true;
  }

  /** With which it runs; undefined when that is not known. */
  get config(): PluginConfig | undefined {
    return this.#config;
  }

  get launchedAt(): number {
    return Date.parse(this.record.launched_at);
  }

  /** This supervisor, or the one before it, has told it to end, and not because it is no good. */
  get wasAskedToStop(): boolean {
    return this.#reasons.askedToStop && this.#reasons.rejection === undefined;
  }

  /** What its processes take; zeros when that cannot be told. */
  sampleUsage(): ProcessUsage {
    return this.#usage?.sample() ?? { cpu_percent: 0, memory_mb: 0 };
  }

  /** How long it was ready; 0 when it never was. */
  get ranMs(): number {
    return this.#readyAt === undefined ? 0 : now() - this.#readyAt;
  }

  /** It takes no invocations to their end: nothing is heard of it, or that it has failed. */
  get isUseless(): boolean {
    return this.#signs.isUseless;
  }

  observed(): Omit<ObservedInstance, 'outdated' | 'unconfigured'> {
    const { instance, status, since, start_timeout_ms } = this.record;
    const uselessMostMs = Math.max(
      this.#options.timings.uselessLeastMs,
      this.#resources.timeout_secs * 1_000,
    );
    return {
      instance,
      status,
      launchedAt: this.launchedAt,
      since: Date.parse(since),
      startTimeoutMs: start_timeout_ms,
      held: this.isHeld,
      onTrial: this.isOnTrial,
      killed: this.#reasons.killed !== undefined,
      ...this.#signs.uselessness(uselessMostMs),
    };
  }

  get #resources(): PluginConfig['resources'] {
    return this.#config?.resources ?? configDefaults.resources;
  }

  /** Notes that it is there. */
  start(): void {
    this.#kept.save();
    this.#options.onChange();
  }

  /** What it has shown on the bus; whether it lives its process says. */
  hear(sighting: Sighting): void {
    const { status, held, speaks } = sighting;
    const change = this.#signs.hear(sighting);
    if (change === 'fell silent') this.note('error', 'no heartbeat, and no answer when it was asked');
    if (change === 'heard again') this.note('info', 'heard of again');
    if (status === 'starting' && held && this.status !== 'stopping' && !this.isHeld) {
      // It may have been taken for one that runs, when an answer of it came and its events had not.
      this.#become('starting', { speaks, held });
      this.#noteReady();
    } else if (status === 'running' && this.status === 'starting') {
      const wasHeld = this.isHeld;
      this.#become('running', { speaks, held: false });
      if (wasHeld) this.note('info', 'it takes invocations');
      else this.#noteReady();
    } else if (status === 'stopping' && this.status !== 'stopping') {
      this.#become('stopping');
      this.note('warn', 'it stops, and this supervisor has not asked it to');
    }
  }

  /** Asks it to end in order. @param why as in "stopping: …" */
  drain(why: string): void {
    if (this.status === 'stopping') return;
    this.#reasons.askedToStop = true;
    this.#become('stopping');
    this.note('info', `stopping: ${why}`);
    this.#noteUnlessSignalled(this.#options.process.terminate());
  }

  /** It was good enough to take the place of another. */
  passTrial(): void {
    const { on_trial: _onTrial, ...record } = this.record;
    this.#kept.set(record);
    this.#options.onChange();
  }

  /** It is no good, and ends. @param text how, as the end of a sentence that begins with the plugin */
  reject(text: string): void {
    if (this.status === 'stopping') return;
    this.#reasons.rejection = text;
    this.drain(text);
  }

  /**
   * It has taken over another configuration.
   * @returns false when its new limits take another instance: then it has not
   */
  configured(config: PluginConfig): boolean {
    if (
      !isDeepStrictEqual(config.resources, this.#resources) &&
      !this.#options.confinement.limit(config.resources)
    )
      return false;
    this.#config = config;
    this.#kept.configure(config);
    this.note('info', `it has taken over configuration ${config.revision}`);
    this.#options.onChange();
    return true;
  }

  /** It does not take over this configuration: as long as that is wanted, another shall run instead of it. */
  cannotTakeOver(revision: number, why: string): void {
    this.notTakenOver = revision;
    this.note('warn', `configuration ${revision} needs another instance: ${why}`);
    this.#options.onChange();
  }

  kill(why: KillReason): void {
    const reasons = this.#reasons;
    if (reasons.killed) return;
    reasons.killed = why;
    reasons.uselessMs = this.#signs.uselessMs;
    // Before it is noted, which takes in what it has printed.
    const signalled = this.#killAll();
    this.note('error', `killing it: ${reasons.over?.text ?? killNotes[why]}`);
    this.#noteUnlessSignalled(signalled);
  }

  note(level: LogLevel, message: string): void {
    // What it has printed before comes before.
    this.#takeOutput();
    this.#options.capture.note(level, message, { pid: this.pid });
  }

  /** @returns whether there is more output to take at once */
  pump(): boolean {
    return this.#options.capture.pump();
  }

  /** Leaves it to a successor. */
  letGo(): void {
    if (this.#isLetGo) return;
    this.#isLetGo = true;
    this.#options.process.letGo();
    this.#options.confinement.letGo();
    this.#takeOutput();
    this.#options.capture.close();
  }

  /** What it has printed must keep nobody from noting, ending or leaving it. */
  #takeOutput(): void {
    try {
      this.#options.capture.pump();
    } catch (error) {
      this.#options.log.error({ error, instance: this.id }, 'its output cannot be read');
    }
  }

  #exceed(what: 'memory' | 'processes', text: string): void {
    if (this.#isLetGo) return;
    this.#reasons.over ??= { what, text };
    this.kill('over its limits');
  }

  /** With what has left its session, where the system knows it. */
  #killAll(): boolean {
    const { process, confinement } = this.#options;
    const signalled = process.kill();
    return confinement.kill() || signalled;
  }

  #noteReady(): void {
    this.#readyAt ??= now();
    this.note('info', `ready after ${seconds(this.#readyAt - this.launchedAt)}`);
  }

  #noteUnlessSignalled(signalled: boolean): void {
    if (!signalled)
      this.note('warn', 'no signal was sent: its process is gone, or is not the one that was started');
  }

  #become(status: InstanceRecord['status'], more: Partial<InstanceRecord> = {}): void {
    this.#kept.become(status, more);
    this.#options.onChange();
  }

  async #end(ending: Ending): Promise<void> {
    if (this.#isLetGo) return;
    const { capture, confinement } = this.#options;
    const verdict = this.#reasons.judge(ending, {
      record: this.record,
      maxMemoryMb: this.#resources.max_memory_mb,
      said: this.#signs.said,
    });
    // What the leader has left behind could go on for long.
    confinement.kill();
    announceEnd(this.#options.connection, this.record, verdict, this.#options.others());
    try {
      await capture.finish();
    } catch (error) {
      // What it has printed must not keep its end from being known.
      this.#options.log.error({ error, instance: this.id }, 'its last output cannot be read');
    }
    // Meanwhile it may have become a successor's.
    if (this.#isLetGo) return;
    using left = new DisposableStack();
    left.defer(() => this.#kept.remove());
    left.defer(() => confinement.release());
    left.defer(() => capture.close());
    const consequence = this.#options.onEnd(this, verdict);
    const isBad = verdict.status === 'error';
    this.note(isBad ? 'error' : 'info', `${verdict.text}${consequence && `; ${consequence}`}`);
  }
}
