import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Connection } from '@bkg/sdk';
import { subjects } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import type { ChaosLog } from './chaos-log.ts';
import { now } from '../bench/clock.ts';
import { pause } from './clock.ts';
import { sendSignal } from './mesh.ts';
import type { Mesh } from './mesh.ts';
import type { Outages } from './outages.ts';
import { parts, pluginIds } from './plan.ts';
import type { Fault, PartName, PluginId } from './plan.ts';
import type { Processes } from './processes.ts';
import type { Relay } from './relay.ts';
import type { InstanceTruth, Truth } from './truth.ts';

/** How long somebody takes to notice that `bkg up` has ended, and to start it again. */
const startAgainMs = 1_500;
const startTriesMost = 3;
const upMostMs = 60_000;
const shownOutputChars = 1_500;

export interface SaboteurOptions {
  mesh: Mesh;
  processes: Processes;
  truth: Truth;
  outages: Outages;
  relays: ReadonlyMap<string, Relay>;
  connection: Connection;
  log: ChaosLog;
}

/** Does the faults of a plan at their times, and undoes those that have an end. */
export class Saboteur {
  readonly #options: SaboteurOptions;
  readonly #under = new Set<Promise<unknown>>();
  /** Of ours: what is to be judged has not been done. */
  readonly #failures: unknown[] = [];
  readonly #end = new AbortController();
  #isUpStopped = false;
  #holding: Promise<void> = Promise.resolve();
  /** What was done, by kind. */
  readonly done: { [kind: string]: number } = {};

  constructor(options: SaboteurOptions) {
    this.#options = options;
  }

  /**
   * @returns when the last one is over; at once when `signal` aborts, with everything undone
   * @throws what kept a fault from being done
   */
  async run(faults: readonly Fault[], signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#end.abort(), { once: true });
    const startedAt = now();
    for (const fault of faults) {
      await this.#wait(startedAt + fault.atMs - now());
      if (this.#end.signal.aborted) break;
      const doing = this.#do(fault)
        .catch((error: unknown) => this.#failures.push(error))
        .finally(() => this.#under.delete(doing));
      this.#under.add(doing);
    }
    await Promise.all(this.#under);
    await this.#holding;
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  async #do(fault: Fault): Promise<void> {
    const { mesh } = this.#options;
    switch (fault.kind) {
      case 'kill':
        return this.#kill(fault);
      case 'stop':
        return this.#during(fault, this.#stop(fault));
      case 'partition':
        return this.#during(fault, this.#cut(fault));
      case 'block':
        return this.#block(fault);
      case 'full stdout':
        await mesh.fillStdout();
        return this.#during(fault, () => mesh.readStdout());
      case 'deaf socket':
        return this.#during(fault, this.#listenToNothing());
    }
  }

  async #kill(fault: Fault): Promise<void> {
    const { processes } = this.#options;
    const pid = this.#pidOf(fault);
    if (!pid) return this.#skip(fault);
    const returns = this.#beginOutage(fault);
    sendSignal(pid, 'SIGKILL');
    this.#tell(fault, `process ${pid}`);
    await eventually(() => processes.living().every((one) => one.pid !== pid), { everyMs: 5 });
    returns?.();
    if (fault.victim === 'bkg up') this.#holding = this.#holding.then(() => this.#startAgain());
    return this.#holding;
  }

  /** Once more when it gives up, as who sits before it would. */
  async #startAgain(): Promise<void> {
    const { mesh, log } = this.#options;
    for (let tries = 0; tries < startTriesMost; tries += 1) {
      await this.#wait(startAgainMs);
      mesh.begin();
      log.tell('again', `bkg up is started again (process ${mesh.pid})`);
      await eventually(() => mesh.isUp || !mesh.isRunning, { withinMs: upMostMs, everyMs: 100 }).catch(
        () => undefined,
      );
      if (!mesh.hasGivenUp) return;
      log.tell('again', `it has given up; it printed last:\n${mesh.output.slice(-shownOutputChars)}`);
    }
  }

  #stop(fault: Fault): (() => void) | undefined {
    const pid = this.#pidOf(fault);
    if (!pid) return undefined;
    const returns = this.#beginOutage(fault);
    const truth = this.#instanceOf(fault);
    if (!sendSignal(pid, 'SIGSTOP')) {
      returns?.();
      return undefined;
    }
    if (fault.victim === 'bkg up') this.#isUpStopped = true;
    const hang = { from: now(), until: Infinity };
    truth?.hung.push(hang);
    this.#tell(fault, `process ${pid}`);
    return () => {
      sendSignal(pid, 'SIGCONT');
      hang.until = now();
      if (fault.victim === 'bkg up') this.#isUpStopped = false;
      returns?.();
    };
  }

  #cut(fault: Fault): (() => void) | undefined {
    const relay = this.#options.relays.get(fault.victim);
    if (!relay) return undefined;
    const returns = this.#beginOutage(fault);
    relay.cut();
    // Whoever cannot be heard is as good as one that stands still.
    const living = isPlugin(fault.victim) ? this.#options.truth.living(fault.victim) : [];
    const hangs = living.map((one) => {
      const hang = { from: now(), until: Infinity };
      one.hung.push(hang);
      return hang;
    });
    this.#tell(fault);
    return () => {
      relay.mend();
      for (const hang of hangs) hang.until = now();
      returns?.();
    };
  }

  async #block(fault: Fault): Promise<void> {
    const { outages } = this.#options;
    // A broker that is away would pass it on later, or never.
    await eventually(() => !outages.open.some(({ part }) => part === 'nats-server'), { withinMs: upMostMs });
    const one = this.#instanceOf(fault);
    if (!one) return this.#skip(fault);
    const { connection } = this.#options;
    const subject = subjects.invokeAt(fault.victim, one.instance, 'block');
    connection.publish(subject, JSON.stringify({ ms: fault.forMs }));
    const hang = { from: now(), until: now() + fault.forMs };
    one.hung.push(hang);
    this.#tell(fault, `process ${one.pid}`);
    await this.#wait(fault.forMs);
  }

  #listenToNothing(): (() => void) | undefined {
    const { mesh } = this.#options;
    const { host, port, hostname } = new URL(mesh.url);
    const socket: Socket = connect(Number(port), hostname);
    // That the gateway ends it is what it may do.
    socket.on('error', () => undefined);
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Authorization: ${mesh.headers.authorization}\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${btoa('chaos has no ears')}\r\n\r\n`,
    );
    socket.once('data', () => {
      socket.pause();
      for (const topic of ['plugins', 'telemetry', 'logs'])
        socket.write(textFrame(JSON.stringify({ op: 'subscribe', id: topic, topic })));
    });
    return () => void socket.destroy();
  }

  async #during(fault: Fault, undo: (() => void) | undefined): Promise<void> {
    if (!undo) return this.#skip(fault);
    if (!['stop', 'partition'].includes(fault.kind)) this.#tell(fault);
    await this.#wait(fault.forMs);
    undo();
    this.#options.log.note('over', `${describe(fault)} is over`);
  }

  #beginOutage({ victim, kind }: Fault): (() => void) | undefined {
    return isWorker(victim) ? this.#options.outages.begin(victim, kind) : undefined;
  }

  #instanceOf({ victim, place }: Fault): InstanceTruth | undefined {
    if (!isPlugin(victim)) return undefined;
    const living = this.#options.truth.living(victim);
    return living[place % Math.max(1, living.length)];
  }

  #pidOf(fault: Fault): number | undefined {
    const { mesh, processes } = this.#options;
    if (fault.victim === 'bkg up') return mesh.isRunning && !this.#isUpStopped ? mesh.pid : undefined;
    if (isPlugin(fault.victim)) return this.#instanceOf(fault)?.pid;
    const pid = mesh.parts[fault.victim];
    return processes.living().find((one) => one.pid === pid && one.part === fault.victim)?.pid;
  }

  #skip(fault: Fault): void {
    this.#options.log.tell('skip', `${describe(fault)}: there is none now`, { fault });
  }

  #tell(fault: Fault, who = ''): void {
    this.done[fault.kind] = (this.done[fault.kind] ?? 0) + 1;
    this.#options.log.tell('fault', [describe(fault), who].filter(Boolean).join(', '), { fault });
  }

  #wait(ms: number): Promise<void> {
    return pause(ms, this.#end.signal);
  }
}

function describe({ kind, victim, place, forMs }: Fault): string {
  const who = isPlugin(victim) && kind !== 'partition' ? `${victim}#${place}` : victim;
  return `${kind} ${who}${forMs > 0 ? ` for ${(forMs / 1_000).toFixed(1)} s` : ''}`;
}

function isPlugin(victim: string): victim is PluginId {
  return pluginIds.some((id) => id === victim);
}

/** `bkg up` only holds the others: while it is away they do their work. */
function isWorker(victim: string): victim is PartName {
  return victim !== 'bkg up' && parts.some((part) => part === victim);
}

/** Masked with zeros, which is a mask. */
function textFrame(text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]);
}
