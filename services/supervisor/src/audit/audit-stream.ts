import { isDeepStrictEqual } from 'node:util';
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { subjects } from '@bkg/sdk';
import type { Connection, Logger } from '@bkg/sdk';
import { delay } from '@bkg/sdk/host';
import { refuseWhileBrokerIsAway } from '../broker-away.ts';

export const auditStream = 'bkg_audit';

const timeoutMs = 3_000;
const dayMs = 86_400_000;

/** What can be changed in a stream that is there. Nobody can take an event out of it: only its age and its number can. */
const auditLimits = {
  subjects: [subjects.auditEvent],
  discard: DiscardPolicy.Old,
  max_msgs: 100_000,
  max_bytes: 64 * 1024 * 1024,
  max_age: nanos(90 * dayMs),
  max_msg_size: 16 * 1024,
  deny_delete: true,
  deny_purge: true,
} satisfies Partial<StreamConfig>;

/** What cannot. */
const kind = { storage: StorageType.File, retention: RetentionPolicy.Limits } satisfies Partial<StreamConfig>;

export interface AuditStreamOptions {
  connection: Connection;
  log: Logger;
  /** Between two looks whether it is there. @default 30000 */
  everyMs?: number;
  /** The same while it is not. @default 1000 */
  againMs?: number;
}

/** The stream in which the broker keeps what was done. It is made, and its limits are changed; it is never removed. */
export class AuditStream {
  readonly #options: AuditStreamOptions;
  #said = '';

  constructor(options: AuditStreamOptions) {
    this.#options = options;
  }

  /** For the reader, too. @throws BkgError PLUGIN_UNAVAILABLE while the broker is away */
  async manager(): Promise<JetStreamManager> {
    const { connection } = this.#options;
    refuseWhileBrokerIsAway(connection);
    return jetstreamManager(connection.nats, { timeout: timeoutMs, checkAPI: false });
  }

  /** Sees to it that it is there, until the signal. */
  async keep(signal: AbortSignal): Promise<void> {
    const { everyMs = 30_000, againMs = 1_000 } = this.#options;
    while (!signal.aborted) {
      const isThere = await this.ensure();
      // Its one failure is the signal's, which ends the loop.
      await delay(isThere ? everyMs : againMs, signal).catch(() => undefined);
    }
  }

  /** @returns false when it could not be made, or is another one: that is in the log */
  async ensure(): Promise<boolean> {
    const { connection, log } = this.#options;
    try {
      await this.#ensure(await this.manager());
      this.#said = '';
      return true;
    } catch (error) {
      const { message } = error as Error;
      // The same is said once, and nothing while everybody knows that the broker is away.
      if (connection.connected && message !== this.#said) {
        this.#said = message;
        log.error({ error }, `the audit cannot be kept in the stream ${auditStream}; trying again`);
      }
      return false;
    }
  }

  async #ensure(manager: JetStreamManager): Promise<void> {
    const found = await infoOf(manager);
    if (!found) {
      await manager.streams.add({ name: auditStream, ...kind, ...auditLimits });
      return;
    }
    if (!has(found.config, kind))
      throw new Error(
        `there is a stream ${auditStream} of another kind (storage ${found.config.storage}, retention ${found.config.retention}); its events are not ours to remove: keep them elsewhere and remove it by hand`,
      );
    if (!has(found.config, auditLimits)) await manager.streams.update(auditStream, auditLimits);
  }
}

/** @returns undefined when there is no such stream */
export async function infoOf(manager: JetStreamManager): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(auditStream);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

function has(config: StreamConfig, wanted: Partial<StreamConfig>): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    isDeepStrictEqual(config[name as keyof StreamConfig], value),
  );
}
