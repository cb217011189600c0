import type { PluginInfo } from '@bkg/sdk/protocol';
import { eventually } from '@bkg/sdk/testing';
import type { ChaosLog } from '../chaos/chaos-log.ts';
import { now } from '../bench/clock.ts';
import { pause } from '../chaos/clock.ts';
import { sendSignal } from '../chaos/mesh.ts';
import type { Mesh } from '../chaos/mesh.ts';
import type { Processes } from '../chaos/processes.ts';
import { between } from '../chaos/random.ts';
import type { Random } from '../chaos/random.ts';
import { pluginIds, plugins, versions } from './folders.ts';

/** A swap is none: nothing may be lost by it. */
export const faultKinds = ['kill instance', 'kill gateway', 'kill nats-server', 'swap'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What may have failed an invocation, from its begin until everybody was back at work. */
export interface Fault {
  kind: FaultKind;
  from: number;
  until: number;
}

/** Parts whose memory is followed are left alone in the second half. */
const harsh: readonly FaultKind[] = ['kill instance', 'kill gateway', 'kill nats-server', 'swap'];
const gentle: readonly FaultKind[] = ['kill instance', 'swap'];
const [gapLeastMs, gapMostMs] = [3_000, 9_000];
const backMostMs = 60_000;
/** Who was told of the return of a part takes a moment to be there itself. */
const afterMs = 2_500;
const orderMostMs = 65_000;
/** Then `bkg up` takes the next end of a part for its first. */
const steadyMs = 60_000;

export interface FaultsOptions {
  mesh: Mesh;
  processes: Processes;
  random: Random;
  log: ChaosLog;
}

/** Kills and swaps, one after the other: the next one when all are back. */
export class Faults {
  readonly #options: FaultsOptions;
  readonly all: Fault[] = [];
  #next = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /**
   * Until `signal` aborts; then everybody is back.
   * @param isHarsh also the gateway and nats-server
   * @throws Error when somebody does not come back within a minute, or a swap fails
   */
  async run(isHarsh: boolean, signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    const kinds = isHarsh ? harsh : gentle;
    while (!signal.aborted) {
      await pause(between(random, gapLeastMs, gapMostMs), signal);
      if (signal.aborted) return;
      // In turns: a short run has all of them, too.
      const kind = kinds[this.#next % kinds.length]!;
      this.#next += 1;
      if (!this.#isTired(kind)) await this.#do(kind);
    }
  }

  /** A part that ends again and again is started ever later, and a mesh without it shows nothing. */
  #isTired(kind: FaultKind): boolean {
    if (kind === 'kill instance' || kind === 'swap') return false;
    const last = this.all.findLast((one) => one.kind === kind);
    return last !== undefined && now() - last.until < steadyMs;
  }

  /** How often each was done. */
  get done(): Partial<Record<FaultKind, number>> {
    const byKind = Object.groupBy(this.all, ({ kind }) => kind);
    return Object.fromEntries(Object.entries(byKind).map(([kind, some]) => [kind, some.length]));
  }

  async #do(kind: FaultKind): Promise<void> {
    const { log } = this.#options;
    const fault: Fault = { kind, from: now(), until: Infinity };
    this.all.push(fault);
    log.tell('fault', kind);
    if (kind === 'swap') await this.#swap();
    else if (kind === 'kill instance') await this.#kill(kind, this.#anyInstance());
    else await this.#killPart(kind, kind.slice('kill '.length));
    await eventually(() => this.allAreBack(), { withinMs: backMostMs, everyMs: 100 });
    fault.until = now() + afterMs;
    log.note('back', `all are back after ${kind}`, { fault });
  }

  async #killPart(kind: FaultKind, part: string): Promise<void> {
    const { mesh } = this.#options;
    const before = mesh.parts[part];
    await this.#kill(kind, before);
    // What was killed often waits long, and until it is there again all may look as before.
    const isThere = (pid: number | undefined): boolean =>
      pid !== undefined && pid !== before && this.#lives(pid);
    await eventually(() => isThere(mesh.parts[part]), { withinMs: backMostMs, everyMs: 50 });
  }

  async #kill(kind: FaultKind, pid: number | undefined): Promise<void> {
    if (pid === undefined || !sendSignal(pid, 'SIGKILL')) throw new Error(`${kind}: there is none`);
    // Its end is noticed, and not taken for its return.
    await eventually(() => !this.#lives(pid), { everyMs: 5 });
  }

  /** Whether the gateway shows that every instance runs that is wanted. */
  async allAreBack(): Promise<boolean> {
    const ready = await fetch(`${this.#options.mesh.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    if (!ready.ok) return false;
    const shown = await Promise.all(pluginIds.map((id) => this.#ask<PluginInfo>('GET', id)));
    const living = this.#options.processes.living();
    return shown.every(({ id, instances, rollout }) => {
      const running = instances.filter(
        ({ status, pid }) => status === 'running' && living.some((one) => one.pid === pid),
      );
      const { replicas } = plugins[id as keyof typeof plugins];
      return running.length === replicas && instances.length === replicas && rollout?.state !== 'running';
    });
  }

  #anyInstance(): number | undefined {
    const { processes, random } = this.#options;
    const own = processes.living().filter(({ plugin, isLeader }) => plugin === 'shaken' && isLeader);
    return own[between(random, 0, Math.max(0, own.length - 1))]?.pid;
  }

  #lives(pid: number): boolean {
    return this.#options.processes.living().some((one) => one.pid === pid);
  }

  async #swap(): Promise<void> {
    const { version } = await this.#ask<PluginInfo>('GET', 'shaken');
    const other = versions.find((one) => one !== version) ?? versions[0];
    await this.#ask('POST', 'shaken/swap', { version: other, by: 'soak' });
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#options.mesh.url}/api/plugins/${path}`, {
      method,
      headers: { ...this.#options.mesh.headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(orderMostMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}
