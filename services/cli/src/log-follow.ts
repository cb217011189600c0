import { connectGateway } from '@bkg/sdk/client/ws';
import { reachesLevel } from '@bkg/sdk/protocol';
import type { LogRecord } from '@bkg/sdk/protocol';
import type { Gateway } from './gateway.ts';
import { readKeptLogs } from './kept-logs.ts';
import type { KeptLogsQuery } from './kept-logs.ts';
import { LogJoin } from './log-join.ts';
import { Refusal } from './refusal.ts';

export interface FollowOptions {
  gateway: Gateway;
  query: KeptLogsQuery;
  print: (record: LogRecord) => void;
  /** Says something that is no part of a log. */
  warn: (text: string) => void;
}

/** The most that one answer may have. */
const refillLines = 10_000;
/** What the gateway takes as a span. */
const spanMostSecs = 999_999;
/** A loss of the connection may be noticed that much later. */
const refillMarginSecs = 60;
/** So that somebody who waits for a gateway to come back sees it soon. */
const mostDelayMs = 5_000;

/**
 * Prints what was kept, then what comes.
 * @returns never: it ends with the process @throws Failure
 */
export async function followLogs(options: FollowOptions): Promise<never> {
  const { gateway, query, warn } = options;
  // Says what to do when there is no mesh; the socket would try for ever.
  await gateway.get('/api/plugins');
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const lines = new FollowedLines({ ...options, onFailure: reject });
  const client = connectGateway({
    url: gateway.url.href,
    mostDelayMs,
    ...(gateway.key.text !== undefined && { apiKey: gateway.key.text }),
  });
  const { plugins, level = 'trace' } = query;
  let wasLive = true;
  let hasEnded = false;
  client.subscribe(
    { topic: 'logs', ...(plugins.length > 0 && { plugins: [...plugins] }) },
    {
      // The first one, and one after a loss that the gateway cannot make up for.
      onSnapshot: () => lines.read(),
      onData: (record) => {
        if (reachesLevel(record.level, level)) lines.add(record);
      },
      onDropped: (count) => {
        if (count === null) lines.read();
        else warn(`${count} lines are missing here: they came faster than they were taken`);
      },
      onState: ({ status, reason = '' }) => {
        const isLive = status === 'live';
        if (isLive === wasLive || hasEnded) return;
        wasLive = isLive;
        if (!isLive) lines.noteLoss();
        warn(isLive ? 'connected again' : `no connection: ${reason} Trying again.`);
      },
      onError: ({ problem }) => reject(gateway.refusal(problem)),
    },
  );
  try {
    return await failed;
  } finally {
    hasEnded = true;
    await client.close();
  }
}

/**
 * The lines of a log that is followed. The socket is there before the first reading of what was kept, so that nothing
 * falls between the two; after a loss, what was kept meanwhile is read again.
 */
class FollowedLines {
  readonly #options: FollowOptions & { onFailure: (error: unknown) => void };
  readonly #join: LogJoin;
  #hasBegun = false;
  #isReading = false;
  #isWanted = false;
  #lostAt = Date.now();
  /** The time of the first line: nothing from before it was asked for. */
  #floor = '';

  constructor(options: FollowOptions & { onFailure: (error: unknown) => void }) {
    this.#options = options;
    this.#join = new LogJoin(options.print);
  }

  add(record: LogRecord): void {
    this.#join.live(record);
  }

  noteLoss(): void {
    this.#lostAt = Date.now();
  }

  /** Reads what was kept; what comes meanwhile waits. */
  read(): void {
    this.#join.hold();
    this.#isWanted = true;
    if (!this.#isReading) this.#readAll().catch(this.#options.onFailure);
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    // A loss that is heard of during a reading may have come after it.
    while (this.#isWanted) {
      this.#isWanted = false;
      this.#join.hold();
      const dropped = this.#hasBegun ? await this.#refill() : await this.#begin();
      this.#hasBegun = true;
      if (dropped > 0)
        this.#options.warn(`${dropped} lines are missing here: they came faster than older ones were read`);
    }
    this.#isReading = false;
  }

  /** @returns how many lines had no room meanwhile @throws Failure */
  async #begin(): Promise<number> {
    const { gateway, query, warn } = this.#options;
    try {
      const { records } = await readKeptLogs(gateway, query);
      const [first] = records;
      if (first && records.length >= query.lines) {
        this.#floor = first.time;
        this.#join.beginAt(records);
      }
      return this.#join.kept(records);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'PLUGIN_NOT_FOUND') throw error;
      warn(`older lines could not be read: ${(error as Error).message}`);
      return this.#join.release();
    }
  }

  /** @returns how many lines had no room meanwhile */
  async #refill(): Promise<number> {
    const { gateway, query, warn } = this.#options;
    const seconds = Math.ceil((Date.now() - this.#lostAt) / 1_000) + refillMarginSecs;
    // A span, because the clock of the mesh may be another.
    const since = `${Math.min(seconds, spanMostSecs)}s`;
    try {
      const { records, truncated } = await readKeptLogs(gateway, { ...query, lines: refillLines, since });
      if (truncated.length > 0 || records.length === refillLines)
        warn('lines of the time without a connection are missing: there were too many');
      return this.#join.kept(records.filter(({ time }) => time > this.#floor));
    } catch (error) {
      warn(`lines of the time without a connection are missing: ${(error as Error).message}`);
      return this.#join.release();
    }
  }
}
