import type { PluginConfig } from '@bkg/sdk';

/** For its own limit, or because the machine, or a cgroup that bkg is in, had no more. */
export type OomKill = 'own' | 'machine';

/** What one instance is kept in, from before its launch until its last process is gone. */
export interface Confinement {
  /** The command that puts itself into its place and then becomes the given one: it keeps its pid. */
  wrap(command: string, args: readonly string[]): { command: string; args: string[] };
  /** Looks where the system does not enforce a limit itself; tells once. */
  watch(pid: number, onOver: (what: 'memory' | 'processes', text: string) => void): void;
  /** Whether the system has killed a process of it for memory. */
  readonly oomKill: OomKill | undefined;
  /** Other limits while it runs. @returns false when that takes a new instance */
  limit(resources: PluginConfig['resources']): boolean;
  /** Of all its processes, those that have ended included; undefined where the system does not tell. */
  usage(): { cpuMs: number; memoryBytes: number } | undefined;
  /** SIGKILL to all that is in it, also to what has left its session. @returns whether there was anything */
  kill(): boolean;
  /** Watches it no longer, and leaves it as it is to a successor. */
  letGo(): void;
  /** Removes what was made for it; nothing is in it any more. */
  release(): void;
}
