import { once } from 'node:events';
import type { GatewayFrame, LogRecord } from '@bkg/sdk/protocol';
import { eventually } from '@bkg/sdk/testing';
import { now } from '../clock.ts';
import { readLine } from './line.ts';

/** What has come of the lines of one rate. */
export interface Heard {
  delivered: number;
  /** Lines that are in the log file only, as the supervisor says. */
  unpublished: number;
  /** Lines that the gateway has dropped for a slow reader, as it says. */
  dropped: number;
  /** Bytes that were skipped because they were printed faster than they could be read, as the supervisor says. */
  skippedBytes: number;
  /** That came twice, or before one that was printed earlier. */
  disordered: number;
  /** From the printing of each to its frame, in ms. */
  latencies: number[];
  /** Of all records, as JSON. */
  recordBytes: number;
}

const nothing: Heard = {
  delivered: 0,
  unpublished: 0,
  dropped: 0,
  skippedBytes: 0,
  disordered: 0,
  latencies: [],
  recordBytes: 0,
};
const openMostMs = 10_000;
/** In the words of `log-capture.ts`, which are all that tells it. */
const skipped = /^at least (\d+) bytes of stdout are lost/;

/** A socket to `/ws` that follows the log of a plugin. */
export class Listener implements Disposable {
  readonly #socket: WebSocket;
  #heard: Heard = { ...nothing };
  #last = -1;
  #follows = false;
  /** When something came last. */
  heardAt = now();

  static async open(url: string, apiKey: string, plugin: string): Promise<Listener> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    await once(socket, 'open', { signal: AbortSignal.timeout(openMostMs) });
    const listener = new Listener(socket);
    socket.send(JSON.stringify({ op: 'subscribe', id: 'l', topic: 'logs', plugins: [plugin] }));
    await eventually(() => listener.#follows, { withinMs: openMostMs });
    return listener;
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(String(data)));
  }

  get heard(): Readonly<Heard> {
    return this.#heard;
  }

  /** Counts from nothing again. */
  reset(): void {
    this.#heard = { ...nothing, latencies: [] };
    this.#last = -1;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #take(text: string): void {
    const at = now();
    this.heardAt = at;
    const frame = JSON.parse(text) as GatewayFrame;
    if (frame.type === 'error') throw new Error(`the subscription has failed: ${text.slice(0, 500)}`);
    // From here on nothing is missing.
    if (frame.type === 'snapshot') this.#follows = true;
    if (frame.type === 'dropped') this.#heard.dropped += frame.count ?? NaN;
    if (frame.type === 'data' && frame.topic === 'logs') this.#hear(frame.data as LogRecord, at);
  }

  #hear(record: LogRecord, at: number): void {
    const heard = this.#heard;
    if (typeof record['unpublished_lines'] === 'number') heard.unpublished += record['unpublished_lines'];
    heard.skippedBytes += Number(skipped.exec(record.message)?.[1] ?? 0);
    const line = readLine(record.message);
    if (!line) return;
    heard.delivered += 1;
    heard.latencies.push(at - line.at);
    heard.recordBytes += JSON.stringify(record).length;
    if (line.seq <= this.#last) heard.disordered += 1;
    this.#last = Math.max(this.#last, line.seq);
  }
}
