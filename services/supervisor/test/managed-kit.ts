import { configDefaults } from '@bkg/sdk';
import type { Connection } from '@bkg/sdk';
import { silentLogger } from '@bkg/sdk/testing';
import { now } from '../src/clock.ts';
import type { InstanceRecord } from '../src/instance-record.ts';
import type { Confinement } from '../src/isolation/confinement.ts';
import type { LogCapture } from '../src/logs/log-capture.ts';
import { ManagedInstance } from '../src/managed-instance.ts';
import type { ManagedInstanceOptions } from '../src/managed-instance.ts';
import type { InstanceProcess } from '../src/process-driver.ts';
import { defaultTimings } from '../src/timings.ts';

export interface ManagedParts {
  instance: string;
  /** An empty one. */
  runFolder: string;
  process?: Partial<InstanceProcess>;
  /** With what the system tells of its memory. */
  confinement?: Partial<Confinement>;
  capture?: Partial<LogCapture>;
  onEnd?: ManagedInstanceOptions['onEnd'];
}

/** An instance without a process, which has just been launched. */
export function managed({ instance, runFolder, ...parts }: ManagedParts): ManagedInstance {
  const at = new Date(now()).toISOString();
  const record: InstanceRecord = {
    instance,
    plugin_id: 'p',
    version: '1.0.0',
    launched_at: at,
    status: 'starting',
    since: at,
    start_timeout_ms: 1_000,
    nats_url: '',
  };
  const process: InstanceProcess = {
    identity: { pid: 1, start: '1' },
    ended: new Promise(() => undefined),
    terminate: () => true,
    kill: () => true,
    letGo: () => undefined,
    ...parts.process,
  };
  const confinement: Confinement = {
    wrap: (command, args) => ({ command, args: [...args] }),
    watch: () => undefined,
    get oomKill() {
      return parts.confinement?.oomKill;
    },
    limit: () => true,
    usage: () => undefined,
    kill: parts.confinement?.kill ?? (() => false),
    letGo: () => undefined,
    release: parts.confinement?.release ?? (() => undefined),
    ...(parts.confinement?.watch && { watch: parts.confinement.watch }),
  };
  const capture = {
    note: () => undefined,
    pump: () => false,
    finish: async () => undefined,
    close: () => undefined,
    tail: () => '',
    ...parts.capture,
  };
  return new ManagedInstance({
    record,
    config: { id: 'p', ...configDefaults },
    runFolder,
    process,
    confinement,
    capture,
    connection: { publish: () => undefined } as unknown as Connection,
    log: silentLogger,
    timings: defaultTimings,
    others: () => [],
    onChange: () => undefined,
    onEnd: parts.onEnd ?? (() => ''),
  });
}
