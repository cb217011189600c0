import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { configDefaults } from '@bkg/sdk';
import type { Connection, Logger, LogLevel, OtherInstance, PluginConfig } from '@bkg/sdk';
import { announceEnd } from './announce-end.ts';
import { now } from './clock.ts';
import { instanceFiles, removeFiles, writeRecord } from './instance-record.ts';
import type { InstanceFiles, InstanceRecord } from './instance-record.ts';
import type { Confinement } from './isolation/confinement.ts';
import type { LogCapture } from './logs/log-capture.ts';
import type { InstanceProcess } from './process-driver.ts';
import { UsageOfInstance } from './process-usage.ts';
import type { ProcessUsage } from './process-usage.ts';
import type { KillReason, ObservedInstance } from './reconcile.ts';
import type { Sighting } from './sighting.ts';
import type { Timings } from './timings.ts';
import { endedByHeap, judge, seconds } from './verdict.ts';
import type { Ending, MemoryDeath, Verdict } from './verdict.ts';

export interface ManagedInstanceOptions {
  record: InstanceRecord;
  /** What it was given; undefined when that cannot be read any more. */
  config: PluginConfig | undefined;
  runFolder: string;
  process: InstanceProcess;
  confinement: Confinement;
  capture: LogCapture;
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
  readonly #options: ManagedInstanceOptions;
  readonly #files: InstanceFiles;
  #record: InstanceRecord;
  #readyAt: number | undefined;
  #askedToStop = false;
  #killed: KillReason | undefined;
  #said: string | undefined;
  #silentSince: number | undefined;
  /** When it was heard last, and since when it says that it has failed: by `now()`. */
  #heardAt = now();
  #failingSince: number | undefined;
  #over: { what: 'memory' | 'processes'; text: string } | undefined;
  #uselessMs = 0;
  #obsolete: string | undefined;
  #rejection: string | undefined;
  #config: PluginConfig | undefined;
  #notTakenOver: number | undefined;
  #letGo = false;
  #usage: UsageOfInstance | undefined;

  constructor(options: ManagedInstanceOptions) {
    this.#options = options;
    this.#record = options.record;
    this.#config = options.config;
    this.#files = instanceFiles(options.runFolder, options.record.instance);
    if (options.record.status === 'running') this.#readyAt = Date.parse(options.record.since);
    this.#askedToStop = options.record.status === 'stopping';
    void options.process.ended
      .then((ending) => this.#end(ending))
      .catch((error: unknown) =>
        options.log.error({ error, instance: this.id }, 'the end of an instance cannot be noted'),
      );
    const { pid } = this;
    if (pid !== undefined) options.confinement.watch(pid, (what, text) => this.#exceed(what, text));
  }

  get id(): string {
    return this.#record.instance;
  }

  get record(): Readonly<InstanceRecord> {
    return this.#record;
  }

  get status(): InstanceRecord['status'] {
    return this.#record.status;
  }

  get pid(): number | undefined {
    return this.#options.process.identity?.pid;
  }

  get silentSince(): number | undefined {
    return this.#silentSince;
  }

  /** It was told to go, or goes: it is not one of those that are wanted. */
  get isLeaving(): boolean {
    return this.#record.status === 'stopping' || this.#killed !== undefined;
  }

  /** It could take invocations, and waits until it is let in. */
  get isHeld(): boolean {
    return this.#record.held === true;
  }

  /** It was launched to replace another, and has not passed its trial yet. */
  get isOnTrial(): boolean {
    return this.#record.on_trial === true;
  }

  /** With which it runs; undefined when that is not known. */
  get config(): PluginConfig | undefined {
    return this.#config;
  }

  /** The revision that it does not take over while it runs. */
  get notTakenOver(): number | undefined {
    return this.#notTakenOver;
  }

  get launchedAt(): number {
    return Date.parse(this.#record.launched_at);
  }

  /** This supervisor, or the one before it, has told it to end, and not because it is no good. */
  get wasAskedToStop(): boolean {
    return this.#askedToStop && this.#rejection === undefined;
  }

  /** Why another shall run instead of it, as in "stopping: …". */
  get obsolete(): string | undefined {
    return this.#obsolete;
  }

  /** What its processes take; zeros when that cannot be told. */
  sampleUsage(): ProcessUsage {
    const { pid } = this;
    if (pid === undefined) return { cpu_percent: 0, memory_mb: 0 };
    this.#usage ??= new UsageOfInstance(pid, this.#options.confinement);
    return this.#usage.sample();
  }

  /** How long it was ready; 0 when it never was. */
  get ranMs(): number {
    return this.#readyAt === undefined ? 0 : now() - this.#readyAt;
  }

  /** It takes no invocations to their end: nothing is heard of it, or that it has failed. */
  get isUseless(): boolean {
    return this.#silentSince !== undefined || this.#failingSince !== undefined;
  }

  observed(): Omit<ObservedInstance, 'outdated' | 'unconfigured'> {
    const { instance, status, since, start_timeout_ms } = this.#record;
    return {
      instance,
      status,
      launchedAt: this.launchedAt,
      since: Date.parse(since),
      startTimeoutMs: start_timeout_ms,
      held: this.isHeld,
      onTrial: this.isOnTrial,
      killed: this.#killed !== undefined,
      ...this.#uselessness(),
    };
  }

  /** An event loop may be blocked for as long as an invocation may take, and come back. */
  #uselessness(): Pick<ObservedInstance, 'useless'> {
    const mostMs = Math.max(this.#options.timings.uselessLeastMs, this.#resources.timeout_secs * 1_000);
    if (this.#silentSince !== undefined)
      return { useless: { why: 'silent', until: Math.max(this.#silentSince, this.#heardAt + mostMs) } };
    if (this.#failingSince === undefined) return {};
    return { useless: { why: 'failing', until: this.#failingSince + mostMs } };
  }

  get #resources(): PluginConfig['resources'] {
    return this.#config?.resources ?? configDefaults.resources;
  }

  /** Notes that it is there. */
  start(): void {
    this.#save();
    this.#options.onChange();
  }

  /** What it has shown on the bus; whether it lives its process says. */
  hear({ status, held, error, heardAt, silentSince, speaks }: Sighting): void {
    this.#said = error;
    this.#heardAt = heardAt;
    this.#failingSince = status === 'error' ? (this.#failingSince ?? now()) : undefined;
    const wasSilent = this.#silentSince !== undefined;
    this.#silentSince = silentSince;
    if (!wasSilent && silentSince !== undefined)
      this.note('error', 'no heartbeat, and no answer when it was asked');
    if (wasSilent && silentSince === undefined) this.note('info', 'heard of again');
    if (status === 'starting' && held && this.status !== 'stopping' && !this.isHeld) {
      // It may have been taken for one that runs, when an answer of it came and its events had not.
      this.#record = { ...this.#record, speaks, held };
      this.#become('starting');
      this.#noteReady();
    } else if (status === 'running' && this.status === 'starting') {
      const { held: wasHeld, ...record } = this.#record;
      this.#record = { ...record, speaks };
      this.#become('running');
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
    this.#askedToStop = true;
    this.#become('stopping');
    this.note('info', `stopping: ${why}`);
    this.#noteUnlessSignalled(this.#options.process.terminate());
  }

  /** It was good enough to take the place of another. */
  passTrial(): void {
    const { on_trial: _onTrial, ...record } = this.#record;
    this.#record = record;
    this.#save();
    this.#options.onChange();
  }

  /** It is no good, and ends. @param text how, as the end of a sentence that begins with the plugin */
  reject(text: string): void {
    if (this.status === 'stopping') return;
    this.#rejection = text;
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
    try {
      // In its place: a sandbox lets it read this file and no other. A half of it counts as none.
      writeFileSync(this.#files.config, JSON.stringify(config), { flush: true });
    } catch (error) {
      // A successor gives it once more.
      this.#options.log.error({ error, instance: this.id }, 'its configuration cannot be written down');
    }
    this.note('info', `it has taken over configuration ${config.revision}`);
    this.#options.onChange();
    return true;
  }

  /** It does not take over this configuration: as long as that is wanted, another shall run instead of it. */
  cannotTakeOver(revision: number, why: string): void {
    this.#notTakenOver = revision;
    this.note('warn', `configuration ${revision} needs another instance: ${why}`);
    this.#options.onChange();
  }

  /** Another shall run instead of it, as soon as one can be started. @param why as in "stopping: …" */
  supersede(why: string): void {
    this.#obsolete = why;
  }

  kill(why: KillReason): void {
    if (this.#killed) return;
    this.#killed = why;
    const since = why === 'silent' ? this.#heardAt : (this.#failingSince ?? now());
    this.#uselessMs = now() - since;
    this.note('error', `killing it: ${this.#over?.text ?? killNotes[why]}`);
    this.#killAll();
  }

  note(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    // What it has printed before comes before.
    this.#options.capture.pump();
    this.#options.capture.note(level, message, { pid: this.pid, ...fields });
  }

  /** @returns whether there is more output to take at once */
  pump(): boolean {
    return this.#options.capture.pump();
  }

  /** Leaves it to a successor. */
  letGo(): void {
    this.#letGo = true;
    this.#options.process.letGo();
    this.#options.confinement.letGo();
    this.#options.capture.pump();
    this.#options.capture.close();
  }

  #exceed(what: 'memory' | 'processes', text: string): void {
    if (this.#letGo) return;
    this.#over ??= { what, text };
    this.kill('over its limits');
  }

  /** With what has left its session, where the system knows it. */
  #killAll(): void {
    const { process, confinement } = this.#options;
    const signalled = process.kill();
    this.#noteUnlessSignalled(confinement.kill() || signalled);
  }

  #noteReady(): void {
    this.#readyAt ??= now();
    this.note('info', `ready after ${seconds(this.#readyAt - this.launchedAt)}`);
  }

  #noteUnlessSignalled(signalled: boolean): void {
    if (!signalled)
      this.note('warn', 'no signal was sent: its process is gone, or is not the one that was started');
  }

  #become(status: InstanceRecord['status']): void {
    this.#record = { ...this.#record, status, since: new Date(now()).toISOString() };
    this.#save();
    this.#options.onChange();
  }

  #save(): void {
    try {
      // A successor goes on from here.
      writeRecord(this.#files.record, this.#record);
    } catch (error) {
      this.#options.log.error({ error, instance: this.id }, 'the record of an instance cannot be written');
    }
  }

  async #end(ending: Ending): Promise<void> {
    if (this.#letGo) return;
    const { capture, timings, confinement } = this.#options;
    const memory = this.#memoryDeath(ending);
    // Before anything else: what the leader has left behind could go on for long.
    confinement.kill();
    const verdict = judge({
      ending,
      askedToStop: this.#askedToStop,
      ...(this.#killed && { killed: this.#killed }),
      ...(memory && { memory }),
      ...(this.#over && { tooMany: this.#over.text }),
      maxMemoryMb: this.#resources.max_memory_mb,
      ...(this.#rejection !== undefined && { rejected: this.#rejection }),
      ...(this.#said && { said: this.#said }),
      startTimeoutMs: this.#record.start_timeout_ms,
      graceMs: timings.graceMs,
      uselessMs: this.#uselessMs,
    });
    announceEnd(this.#options.connection, this.#record, verdict, this.#options.others());
    try {
      await capture.finish();
    } catch (error) {
      // What it has printed must not keep its end from being known.
      this.#options.log.error({ error, instance: this.id }, 'its last output cannot be read');
    }
    // Meanwhile it may have become a successor's.
    if (this.#letGo) return;
    const consequence = this.#options.onEnd(this, verdict);
    const isBad = verdict.status === 'error';
    this.note(isBad ? 'error' : 'info', `${verdict.text}${consequence && `; ${consequence}`}`);
    capture.close();
    confinement.release();
    try {
      removeFiles(this.#files);
    } catch (error) {
      // A successor does it.
      this.#options.log.error({ error, instance: this.id }, 'the files of an instance cannot be removed');
    }
  }

  #memoryDeath(ending: Ending): MemoryDeath | undefined {
    const { confinement, capture } = this.#options;
    if (confinement.oomKills > 0) return 'system';
    if (this.#over?.what === 'memory') return 'watch';
    return endedByHeap(ending, capture.tail('stderr', lastBytes)) ? 'heap' : undefined;
  }
}

const killNotes: Record<KillReason, string> = {
  'not ready': 'it did not become ready in time',
  silent: 'it gave no sign of life for too long',
  failing: 'it has said for too long that it has failed',
  'grace over': 'it did not end within the grace period',
  'over its limits': 'it is over its limits',
};

/** Of its output; V8 prints some two kilobytes after the line that names the cause. */
const lastBytes = 16 * 1024;
