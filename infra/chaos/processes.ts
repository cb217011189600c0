import { readdirSync, readFileSync } from 'node:fs';
import { readProcessStat } from '@bkg/sdk/host';
import type { ProcessIdentity } from '@bkg/sdk/host';
import { now } from '../bench/clock.ts';

/** A process that carries the home of the mesh in its environment, or is the child of one. */
export interface MeshProcess extends ProcessIdentity {
  parent: number;
  /** Of `bkg up`, when it is one. */
  part?: string;
  plugin?: string;
  instance?: string;
  /** It leads a session, as every instance does that the supervisor has started. */
  isLeader: boolean;
  isZombie: boolean;
  command: string;
}

/** `named` is undefined of a process that is none of ours. */
interface Known {
  seenAt: number;
  named: Named | undefined;
}

/** Between fork and exec a process has the name and the environment of its parent. */
const youngMs = 2_000;

type Named = Pick<MeshProcess, 'part' | 'plugin' | 'instance' | 'command'>;

/** The processes of one home, read from the system as often as somebody looks. */
export class Processes {
  readonly #home: string;
  /** By pid and start. */
  readonly #known = new Map<string, Known>();

  constructor(home: string) {
    this.#home = home;
  }

  list(): MeshProcess[] {
    const rows = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => this.#look(Number(name)) ?? []);
    const own = rows.filter(({ named }) => named);
    const pids = new Set(own.map(({ row }) => row.pid));
    // A zombie has no environment any more.
    const zombies = rows.filter(({ row, named }) => !named && row.isZombie && pids.has(row.parent));
    return [...own, ...zombies].map(({ row, named }) => ({ ...row, ...(named ?? { command: '' }) }));
  }

  living(): MeshProcess[] {
    return this.list().filter(({ isZombie }) => !isZombie);
  }

  #look(pid: number): { row: Omit<MeshProcess, keyof Named>; named: Named | undefined } | undefined {
    const fields = readProcessStat(pid);
    const [state, parent, , session] = fields ?? [];
    const start = fields?.[19];
    if (start === undefined) return undefined;
    const key = `${pid} ${start}`;
    const isZombie = state === 'Z' || state === 'X';
    if (!isZombie) this.#learn(key, pid);
    const row = { pid, start, parent: Number(parent), isLeader: Number(session) === pid, isZombie };
    return { row, named: isZombie ? undefined : this.#known.get(key)?.named };
  }

  #learn(key: string, pid: number): void {
    const at = now();
    const { seenAt = at, named } = this.#known.get(key) ?? {};
    if (this.#known.has(key) && at - seenAt > youngMs) return;
    // In the middle of an exec there is nothing to read.
    this.#known.set(key, { seenAt, named: this.#name(pid) ?? named });
  }

  #name(pid: number): Named | undefined {
    try {
      const env = new Map(
        readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .map((pair): [string, string] => {
            const end = pair.indexOf('=');
            return [pair.slice(0, end), pair.slice(end + 1)];
          }),
      );
      if (env.get('BKG_HOME') !== this.#home) return undefined;
      const [part, plugin, instance] = ['BKG_PART', 'BKG_PLUGIN_ID', 'BKG_INSTANCE_ID'].map((name) =>
        env.get(name),
      );
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return { command, ...(part && { part }), ...(plugin && { plugin }), ...(instance && { instance }) };
    } catch {
      // It has ended, or is somebody else's.
      return undefined;
    }
  }
}
