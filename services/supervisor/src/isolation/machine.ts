import path from 'node:path';
import type { Isolation, Logger, PluginConfig, Sandbox } from '@bkg/sdk';
import type { HomePaths } from '@bkg/sdk/host';
import type { Found } from './found.ts';
import { limits } from './cgroup-places.ts';
import { probeCgroups } from './cgroup-probe.ts';
import type { CgroupProbe } from './cgroup-probe.ts';
import { Confined } from './confined.ts';
import type { Confinement } from './confinement.ts';
import { isolationText } from './isolation-text.ts';
import { OomWatch } from './oom-watch.ts';
import { openHome } from './open-folders.ts';
import { giveData, giveFile, showFile, takeData } from './plugin-users.ts';
import { probeSandbox, sandboxed, sandboxPrograms } from './sandbox/index.ts';
import type { SandboxProbe } from './sandbox/index.ts';
import { findProgram } from './programs.ts';
import { isGiven, trialUser, UserIds } from './user-ids.ts';
import { probeCount, probeUsers, unreadable } from './user-probe.ts';
import type { Become } from './user-probe.ts';
import { Watchdog } from './watchdog.ts';

export interface ConfineSpec {
  instance: string;
  pluginId: string;
  folder: string;
  dataDir: string;
  /** Its credentials and configuration: its user may read them. */
  shownFiles: string[];
  /** What it writes to: given to its user. */
  ownFiles: string[];
  /** Models and so on, as far as they are there. */
  readable: string[];
  /** As in BKG_NATS_URL. */
  servers: string;
  config: Pick<PluginConfig, 'resources' | 'sandbox'>;
}

export interface ProbeOptions {
  home: HomePaths;
  /** The Node that `node` in a manifest means. */
  node: string;
  log: Logger;
  signal: AbortSignal;
}

/** What was found on a machine. */
export interface MachineParts {
  home: HomePaths;
  node: string;
  log: Logger;
  cgroups: CgroupProbe;
  users: Found<Become>;
  /** The start of a command that is kept to so many processes of its user. */
  count: ((most: number) => string[]) | undefined;
  /** The start of a command that gives way to others. */
  nice: string[];
  sandbox: SandboxProbe;
}

/** The user that a plugin runs under, or why it has none of its own. */
type PluginUser = { own: true; id: number; checked: string } | { own: false; lack: string };

/** What this machine can do to keep plugins within their limits; `probeMachine` finds it out. */
export class Machine {
  readonly #parts: MachineParts;
  readonly #watchdog = new Watchdog();
  readonly #oomWatch = new OomWatch();
  readonly #userIds: UserIds;
  readonly #users = new Map<string, PluginUser>();
  /** By plugin: those whose processes count together. */
  readonly #instances = new Map<string, Set<string>>();

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.#userIds = new UserIds(parts.home.data, parts.home.home);
  }

  /** What a plugin gets here; before its first start what plugins get in general. */
  isolationOf(sandbox: Sandbox, pluginId: string): Isolation {
    const { cgroups, users, count, nice, sandbox: sandboxProbe } = this.#parts;
    const { bases } = cgroups.tree;
    const versions = limits.flatMap((limit) => (bases[limit] ? [[limit, bases[limit].version]] : []));
    const general = 'have' in users ? { own: true as const } : { own: false as const, lack: users.lack };
    const user = this.#users.get(pluginId) ?? general;
    return isolationText({
      cgroups: Object.fromEntries(versions) as Parameters<typeof isolationText>[0]['cgroups'],
      lacks: cgroups.lacks,
      countsByUser: count !== undefined && user.own,
      isNice: nice.length > 0,
      user,
      sandbox,
      sandboxProbe,
    });
  }

  /**
   * Makes a place for an instance that is to be started: its files are there, and become its user's.
   * @throws what the system says; then nothing is left
   */
  confine(spec: ConfineSpec): Confinement {
    const { cgroups, log } = this.#parts;
    const { instance, pluginId, config } = spec;
    const user = this.#settle(spec);
    const made = cgroups.tree.make(instance);
    try {
      made.limit(config.resources);
    } catch (error) {
      void made.remove(0).catch(() => undefined);
      throw error;
    }
    const countsByUser = this.#countsByUser(user.own, made.parts.pids !== undefined);
    this.#enter(pluginId, instance);
    return new Confined({
      instance,
      cgroups: made,
      watchdog: this.#watchdog,
      oomWatch: this.#oomWatch,
      resources: config.resources,
      countsByUser,
      through: this.#through(spec, user, { countsByUser, isFair: made.parts.cpu !== undefined }),
      seal: this.#seal(spec),
      log,
      onReleased: () => this.#leave(pluginId, instance),
    });
  }

  /** Of an instance that an earlier supervisor has started. @param spec without `config`: what it may take is not known */
  adopt(spec: { instance: string; pluginId: string; config: PluginConfig | undefined }): Confinement {
    const { cgroups, log, home } = this.#parts;
    const { instance, pluginId, config } = spec;
    const found = cgroups.tree.find(instance);
    const hasUser = isGiven(path.join(home.data, pluginId));
    this.#enter(pluginId, instance);
    return new Confined({
      instance,
      cgroups: found,
      watchdog: this.#watchdog,
      oomWatch: this.#oomWatch,
      resources: config?.resources,
      countsByUser: this.#countsByUser(hasUser, found.parts.pids !== undefined),
      through: [],
      seal: (command, args) => ({ command, args: [...args] }),
      log,
      onReleased: () => this.#leave(pluginId, instance),
    });
  }

  /** Instances that have cgroups here, by whichever supervisor of this home. */
  leftovers(): string[] {
    return this.#parts.cgroups.tree.instances();
  }

  /** Finds the user of a plugin and gives it its files. */
  #settle(spec: ConfineSpec): PluginUser {
    const user = this.#userFor(spec);
    this.#users.set(spec.pluginId, user);
    if (user.own) {
      // Whoever starts bkg closes it again.
      openHome(this.#parts.home);
      giveData(spec.dataDir, user.id);
      for (const file of spec.shownFiles) showFile(file, user.id);
      for (const file of spec.ownFiles) giveFile(file, user.id);
    } else if (process.getuid?.() === 0 && !this.#instances.has(spec.pluginId)) takeData(spec.dataDir);
    return user;
  }

  #userFor({ pluginId, folder, readable, config }: ConfineSpec): PluginUser {
    const { users, node } = this.#parts;
    if ('lack' in users) return { own: false, lack: users.lack };
    const sandbox = config.sandbox === 'off' ? [] : [sandboxPrograms];
    const paths = [folder, path.join(folder, 'plugin.json'), node, ...sandbox, ...readable];
    const checked = paths.join('\0');
    const known = this.#users.get(pluginId);
    if (known?.own && known.checked === checked) return known;
    const id = this.#userIds.of(pluginId);
    const lack = unreadable(users.have(id), paths);
    return lack === undefined ? { own: true, id, checked } : { own: false, lack };
  }

  #countsByUser(hasUser: boolean, hasCgroup: boolean): boolean {
    return this.#parts.count !== undefined && hasUser && !hasCgroup;
  }

  #through(
    { pluginId, config }: ConfineSpec,
    user: PluginUser,
    { countsByUser, isFair }: { countsByUser: boolean; isFair: boolean },
  ): string[] {
    const { users, count, nice } = this.#parts;
    const together = config.resources.max_processes * (this.#instances.get(pluginId)?.size ?? 1);
    return [
      ...(user.own && 'have' in users ? users.have(user.id) : []),
      ...(countsByUser && count ? count(together) : []),
      ...(isFair ? [] : nice),
    ];
  }

  #seal(spec: ConfineSpec): Confined['wrap'] {
    const { folder, dataDir, shownFiles, ownFiles, readable, servers, config } = spec;
    const { sandbox, node, home } = this.#parts;
    if (config.sandbox === 'off' || !sandbox.usable) return (command, args) => ({ command, args: [...args] });
    const rules = {
      node,
      home: home.home,
      folder,
      dataDir,
      files: [...shownFiles, ...ownFiles],
      readable,
      servers,
    };
    return (command, args) => sandboxed({ command, args, rules });
  }

  #enter(pluginId: string, instance: string): void {
    const instances = this.#instances.get(pluginId) ?? new Set();
    this.#instances.set(pluginId, instances.add(instance));
  }

  #leave(pluginId: string, instance: string): void {
    const instances = this.#instances.get(pluginId);
    instances?.delete(instance);
    if (instances?.size === 0) this.#instances.delete(pluginId);
  }
}

/**
 * Finds out by trials what this machine can do; what it cannot is left out. The folders of the home are there.
 * @throws the signal's reason, and nothing else
 */
export async function probeMachine({ home, node, log, signal }: ProbeOptions): Promise<Machine> {
  const [cgroups, { users, sandbox }] = await Promise.all([
    probeCgroups(home.home, signal),
    probeUsersAndSandbox({ home, node, log, signal }),
  ]);
  const count = 'have' in users && cgroups.lacks.pids !== undefined ? probeCount(users.have) : undefined;
  const niceProgram = findProgram('nice');
  const nice = niceProgram ? [niceProgram, '-n', '10'] : [];
  const machine = new Machine({ home, node, log, cgroups, users, count, nice, sandbox });
  const { memory, cpu, processes, user, files, network } = machine.isolationOf('on', '');
  const means = { memory, cpu, processes, user, files, network };
  const shown = Object.fromEntries(Object.entries(means).map(([name, { by }]) => [name, by]));
  log.info(shown, 'what keeps plugins within their limits on this machine');
  return machine;
}

async function probeUsersAndSandbox({ home, node, log, signal }: ProbeOptions) {
  const users = await probeUsers(home, node, signal);
  const user = { uid: trialUser, gid: trialUser };
  const sandbox = await probeSandbox({
    node,
    within: home.run,
    log,
    signal,
    ...('have' in users && { user }),
  });
  return { users, sandbox };
}
