import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { nuid } from '@nats-io/nats-core';
import { configDefaults, createValidator, parseNeeds, schemaOf } from '@bkg/sdk';
import type { Connection, Credentials, Logger, PluginConfig } from '@bkg/sdk';
import { isSameProcess, writeWhole } from '@bkg/sdk/host';
import type { HomePaths, ProcessIdentity } from '@bkg/sdk/host';
import { instanceCredentials } from './access/instance-credentials.ts';
import { announceEnd } from './announce-end.ts';
import { now } from './clock.ts';
import { instanceFiles, removeFiles, removeIntruders, writeRecord } from './instance-record.ts';
import type { InstanceFiles, InstanceRecord } from './instance-record.ts';
import type { Confinement } from './isolation/confinement.ts';
import type { Machine } from './isolation/machine.ts';
import { launchCommand } from './launch.ts';
import { KnownSecrets } from './logs/known-secrets.ts';
import { LateCapture } from './logs/late-capture.ts';
import { LogCapture } from './logs/log-capture.ts';
import type { OutputCapture } from './logs/log-capture.ts';
import { LogFile, removeOldLogs } from './logs/log-file.ts';
import { ManagedInstance } from './managed-instance.ts';
import { refuseWithoutFiles } from './open-files.ts';
import type { Plugin } from './plugin.ts';
import { adoptProcess, killCarriers, killSession, launchProcess } from './process-driver.ts';
import type { InstanceProcess } from './process-driver.ts';
import { expected } from './sighting.ts';
import { removeStrayFiles } from './stray-files.ts';
import { findSurvivors } from './survivors.ts';
import type { Timings } from './timings.ts';
import { judge, memoryDeathOf } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface LauncherOptions {
  home: HomePaths;
  connection: Connection;
  /** Ours: what instances are given follows from it. */
  credentials: Credentials;
  /** As in BKG_NATS_URL. */
  natsUrl: string;
  /** The Node that `node` in a manifest means. */
  node: string;
  /** What it can do to keep instances within their limits; known from the start on. */
  machine: () => Machine;
  /** Between heartbeats of an instance that is launched now. */
  heartbeatMs: () => number;
  timings: Timings;
  log: Logger;
  onChange: (plugin: Plugin) => void;
  /** Shows what one has printed last that ended while nobody watched it. */
  keepOutput: (plugin: Plugin, instance: string) => Promise<void>;
  /** @returns what becomes of the plugin now, as the end of the last line in its log */
  onEnd: (plugin: Plugin, instance: ManagedInstance, verdict: Verdict) => string;
}

/** Makes instances: by launching a process, or by adopting one that an earlier supervisor launched. */
export class Launcher {
  readonly #options: LauncherOptions;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /**
   * @param held it waits until it is let in
   * @throws what the system says when there is no place for its files; what fails later the instance tells itself
   */
  launch(plugin: Plugin, { held }: { held: boolean }): ManagedInstance {
    const { home, credentials, natsUrl, node, timings, machine, heartbeatMs } = this.#options;
    const { source, config } = plugin;
    const manifest = source?.manifest;
    if (!manifest || !config) throw new Error(`${plugin.id} has no manifest`);
    refuseWithoutFiles();
    const instance = nuid.next();
    const files = instanceFiles(home.run, instance);
    const { command, args, env, dataDir } = launchCommand({
      instance,
      manifest,
      config,
      home,
      natsUrl,
      node,
      credentialsFile: files.credentials,
      configFile: files.config,
      held,
      heartbeatMs: heartbeatMs(),
      env: process.env,
    });
    // A restart replaces what was launched before it, which this instance shall not be taken for.
    const launchedAt = new Date(Math.max(now(), plugin.target.notBefore)).toISOString();
    const record: InstanceRecord = {
      instance,
      plugin_id: plugin.id,
      version: manifest.version,
      launched_at: launchedAt,
      status: 'starting',
      since: launchedAt,
      start_timeout_ms: manifest.start_timeout_secs
        ? manifest.start_timeout_secs * 1_000
        : timings.startTimeoutMs,
      nats_url: natsUrl,
      ...(held && { on_trial: true }),
    };
    let capture: LogCapture | undefined;
    let confinement: Confinement | undefined;
    try {
      mkdirSync(dataDir, { recursive: true });
      // Somebody may have tidied up.
      mkdirSync(home.run, { recursive: true, mode: 0o711 });
      writeRecord(files.record, record);
      const identity = { plugin: plugin.id, instance, needs: parseNeeds(manifest.needs) };
      const shown = instanceCredentials(credentials, identity, source.isOurs === true);
      writeWhole(files.credentials, JSON.stringify(shown), 0o600);
      // `env` may hold what nobody else should read.
      writeWhole(files.config, JSON.stringify(config), 0o600);
      // Here and nowhere else: while others are adopted, who lives is not known yet.
      removeOldLogs(path.join(home.logs, plugin.id), new Set(plugin.managed.keys()));
      capture = this.#capture(plugin, instance, files, new KnownSecrets(shown, config));
      confinement = machine().confine({
        instance,
        pluginId: plugin.id,
        folder: source.folder,
        dataDir,
        shownFiles: [files.credentials, files.config],
        ownFiles: [files.out, files.err],
        readable: [home.models, home.hub, ...(credentials.ca_file ? [credentials.ca_file] : [])],
        servers: natsUrl,
        config,
      });
      // Before there is a process, whose first line could come before this one.
      capture.note('info', `${plugin.id} ${manifest.version}: ${manifest.command.join(' ')}`);
      const launched = launchProcess({
        instance,
        program: command,
        ...confinement.wrap(command, args),
        folder: source.folder,
        env,
        output: capture.output,
      });
      const known = launched.identity ? { ...record, process: launched.identity } : record;
      const made = this.#hold(plugin, known, { config, process: launched, confinement, capture });
      made.start();
      return made;
    } catch (error) {
      capture?.close();
      confinement?.release();
      try {
        removeFiles(files);
      } catch {
        // What keeps them from being removed is what kept them from being made.
      }
      throw error;
    }
  }

  /**
   * Takes over what an earlier supervisor has left: instances that run, and files and processes of those that do not.
   * @param ensure gives the plugin of an id
   */
  async adopt(ensure: (id: string) => Plugin): Promise<void> {
    const { home, log, machine } = this.#options;
    const { running, ended, strays } = findSurvivors(home, this.#options.natsUrl);
    const killed: InstanceRecord[] = [];
    for (const record of running) {
      const { instance, plugin_id } = record;
      try {
        this.#adopt(ensure(plugin_id), record);
      } catch (error) {
        // Beside one that nobody watches another would be started.
        killSession(record.process.pid, instance, { leaderIsOurs: isSameProcess(record.process) });
        killed.push(record);
        log.error({ error, plugin_id, instance }, 'an instance cannot be adopted and is killed');
      }
    }
    const known = new Set(running.filter((one) => !killed.includes(one)).map(({ instance }) => instance));
    for (const record of [...killed, ...ended]) {
      try {
        await this.#bury(ensure(record.plugin_id), record);
      } catch (error) {
        // One that is broken must not keep all others from having a supervisor. What it has left stays there.
        known.add(record.instance);
        log.error(
          { error, instance: record.instance },
          'the end of an instance cannot be noted; a successor tries again',
        );
      }
    }
    for (const { instance, pids } of strays) {
      log.warn({ instance, pids }, 'killing what an instance that has ended left behind');
      killCarriers(pids, instance);
    }
    removeStrayFiles(home.run, known, log);
    for (const instance of machine().leftovers()) {
      if (known.has(instance)) continue;
      log.warn({ instance }, 'killing what is left in the cgroups of an instance that has ended');
      const left = machine().adopt({ instance, pluginId: '', config: undefined });
      left.kill();
      left.release();
    }
  }

  /** @throws what the system says; then nothing watches it */
  #adopt(plugin: Plugin, record: InstanceRecord & { process: ProcessIdentity }): void {
    const { timings, log } = this.#options;
    const { instance, process } = record;
    using undo = new DisposableStack();
    const { files, config, confinement } = this.#takeUp(plugin, instance, undo);
    const open = (): LogCapture => {
      // Since it runs, there may be others by now.
      removeIntruders(files);
      return this.#captureLeft(plugin, instance, files, config);
    };
    const capture = new LateCapture({ open, instance, log });
    const adopted = adoptProcess(process, instance, { everyMs: timings.watchEveryMs });
    undo.defer(() => adopted.letGo());
    const held = this.#hold(plugin, record, { config, process: adopted, confinement, capture });
    undo.move();
    held.note('info', 'adopted by a new supervisor');
    held.start();
    log.info({ plugin_id: plugin.id, instance, pid: process.pid }, 'an instance is adopted');
  }

  /** Keeps the last words of an instance that ended while nobody watched it. */
  async #bury(plugin: Plugin, record: InstanceRecord): Promise<void> {
    const { log, connection, timings, keepOutput } = this.#options;
    const { instance } = record;
    using undo = new DisposableStack();
    const { files, config, confinement } = this.#takeUp(plugin, instance, undo);
    const { oomKill } = confinement;
    const verdict = judge({
      ending: { how: 'unknown' },
      askedToStop: record.status === 'stopping',
      ...(oomKill && { memory: memoryDeathOf(oomKill) }),
      maxMemoryMb: (config ?? configDefaults).resources.max_memory_mb,
      startTimeoutMs: record.start_timeout_ms,
      graceMs: timings.graceMs,
      uselessMs: 0,
    });
    announceEnd(connection, record, verdict, plugin.othersThan(instance));
    confinement.kill();
    if (record.process) killSession(record.process.pid, instance, { leaderIsOurs: false });
    const capture = this.#captureLeft(plugin, instance, files, config);
    undo.defer(() => capture.close());
    await capture.finish();
    const text = verdict.ended === 'out_of_memory' ? verdict.text : 'how is not known';
    capture.note('warn', `it ended while no supervisor watched it; ${text}`);
    capture.close();
    if (verdict.status === 'error') {
      const { version } = record;
      const at = new Date().toISOString();
      plugin.addEnd({ instance, version, at, verdict: verdict.verdict, text: verdict.text });
      await keepOutput(plugin, instance);
    }
    removeFiles(files);
    confinement.release();
    log.warn({ plugin_id: plugin.id, instance }, 'an instance ended while no supervisor watched it');
  }

  /** What an earlier supervisor has left of an instance. @param undo lets its confinement go */
  #takeUp(
    plugin: Plugin,
    instance: string,
    undo: DisposableStack,
  ): { files: InstanceFiles; config: PluginConfig | undefined; confinement: Confinement } {
    const { home, machine } = this.#options;
    const files = instanceFiles(home.run, instance);
    removeIntruders(files);
    const config = readConfig(files.config);
    const confinement = machine().adopt({ instance, pluginId: plugin.id, config });
    undo.defer(() => confinement.letGo());
    return { files, config, confinement };
  }

  #captureLeft(
    plugin: Plugin,
    instance: string,
    files: InstanceFiles,
    config: PluginConfig | undefined,
  ): LogCapture {
    return this.#capture(plugin, instance, files, new KnownSecrets(readGiven(files.credentials), config));
  }

  #hold(
    plugin: Plugin,
    record: InstanceRecord,
    held: {
      config: PluginConfig | undefined;
      process: InstanceProcess;
      confinement: Confinement;
      capture: OutputCapture;
    },
  ): ManagedInstance {
    const { home, connection, timings, log, onChange, onEnd } = this.#options;
    const instance = new ManagedInstance({
      record,
      ...held,
      runFolder: home.run,
      connection,
      log,
      timings,
      others: () => plugin.othersThan(record.instance),
      onChange: () => onChange(plugin),
      onEnd: (one, verdict) => onEnd(plugin, one, verdict),
    });
    plugin.managed.set(instance.id, instance);
    const { status, version, speaks = false } = record;
    plugin.sightings.set(instance.id, expected({ instance: instance.id, status, version, speaks }, now()));
    return instance;
  }

  #capture(plugin: Plugin, instance: string, files: InstanceFiles, secrets: KnownSecrets): LogCapture {
    const { home, connection, log } = this.#options;
    return new LogCapture({
      pluginId: plugin.id,
      instance,
      files,
      log: new LogFile({ folder: path.join(home.logs, plugin.id), instance }),
      connection,
      ownLog: log,
      secrets,
    });
  }
}

const configErrors = createValidator(schemaOf('PluginConfig'));
/** None is larger: it has come in one message. */
const givenMostBytes = 1024 * 1024;

/** What an instance was given; undefined when it is not there, or nothing that we have written: it may have been changed. */
function readConfig(file: string): PluginConfig | undefined {
  const config = readGiven(file) as PluginConfig;
  return configErrors(config).length === 0 ? config : undefined;
}

function readGiven(file: string): unknown {
  try {
    return statSync(file).size > givenMostBytes
      ? undefined
      : (JSON.parse(readFileSync(file, 'utf8')) as unknown);
  } catch {
    return undefined;
  }
}
