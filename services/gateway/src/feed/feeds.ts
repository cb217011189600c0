import type { Msg, Subscription } from '@nats-io/nats-core';
import type { WebSocket } from 'ws';
import { parseEventSubject, subjects } from '@bkg/sdk';
import type { Broker } from '../mesh/broker.ts';
import type { Catalog } from '../mesh/catalog.ts';
import { FeedClient } from './feed-client.ts';
import type { FeedClientOptions } from './feed-client.ts';
import { encodeFrame } from './frame-queue.ts';

export interface FeedsOptions extends FeedClientOptions {
  /** How often dead clients are looked for. @default 15000 */
  pingEveryMs?: number;
}

interface Channel {
  clients: Set<FeedClient>;
  /** Log events are many: they are heard only while somebody watches. */
  logs: Subscription | undefined;
}

/** Of our own, 4000 to 4999 as RFC 6455 has it. */
const noSuchPlugin = 4404;
/** RFC 6455: the server is going away. */
const goingAway = 1001;
/** For the other end's close frame. */
const closeWaitMs = 1_000;

/** The sockets of all dashboards, by the plugin they watch. */
export class Feeds {
  readonly #broker: Broker;
  readonly #catalog: Catalog;
  readonly #options: FeedsOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #pings: NodeJS.Timeout;
  readonly #stops: (() => void)[];
  #size = 0;

  constructor(broker: Broker, catalog: Catalog, options: FeedsOptions = {}) {
    this.#broker = broker;
    this.#catalog = catalog;
    this.#options = options;
    this.#stops = [
      catalog.onChange((id) => this.#sendStatus(id)),
      catalog.telemetry.onHear((id) => this.#sendTelemetry(id)),
    ];
    this.#pings = setInterval(() => this.#each((client) => client.check()), options.pingEveryMs ?? 15_000);
    this.#pings.unref();
  }

  /** How many clients there are. */
  get size(): number {
    return this.#size;
  }

  /** Sends what there is to know of a plugin, and then every change, until the socket closes. */
  join(id: string, socket: WebSocket): void {
    const client = new FeedClient(socket, this.#options);
    const channel = this.#channelOf(id);
    channel.clients.add(client);
    this.#size += 1;
    socket.on('close', () => {
      this.#size -= 1;
      channel.clients.delete(client);
      if (channel.clients.size > 0) return;
      channel.logs?.unsubscribe();
      this.#channels.delete(id);
    });
    const plugin = this.#catalog.info(id);
    // It may have gone between the request and the upgrade.
    if (plugin) client.status(encodeFrame({ type: 'status', plugin }));
    else client.close(noSuchPlugin, `There is no plugin "${id}".`);
  }

  /** Tells every client to go, and waits a moment for them. */
  async close(): Promise<void> {
    clearInterval(this.#pings);
    for (const stop of this.#stops) stop();
    this.#each((client) => client.close(goingAway, 'The gateway is stopping.'));
    const late = setTimeout(() => this.#each((client) => client.terminate()), closeWaitMs);
    late.unref();
  }

  #channelOf(id: string): Channel {
    const known = this.#channels.get(id);
    if (known) return known;
    const clients = new Set<FeedClient>();
    const logs = this.#broker.subscribe(subjects.events('log', id), (msg) => sendLog(msg, clients));
    const channel = { clients, logs };
    this.#channels.set(id, channel);
    return channel;
  }

  #sendStatus(id: string): void {
    const channel = this.#channels.get(id);
    if (!channel) return;
    const plugin = this.#catalog.info(id);
    if (!plugin) {
      for (const client of channel.clients)
        client.close(noSuchPlugin, `There is no plugin "${id}" any more.`);
      return;
    }
    const frame = encodeFrame({ type: 'status', plugin });
    for (const client of channel.clients) client.status(frame);
  }

  #sendTelemetry(id: string): void {
    const channel = this.#channels.get(id);
    const telemetry = channel && this.#catalog.info(id)?.telemetry;
    if (!telemetry) return;
    const frame = encodeFrame({ type: 'telemetry', telemetry });
    for (const client of channel.clients) client.telemetry(frame);
  }

  #each(act: (client: FeedClient) => void): void {
    for (const { clients } of this.#channels.values()) for (const client of clients) act(client);
  }
}

/** Anybody may publish an event: it is passed on when it has the shape, as one of whom its subject names. */
function sendLog(msg: Msg, clients: ReadonlySet<FeedClient>): void {
  const subject = parseEventSubject(msg.subject);
  const record = recordOf(msg);
  if (!subject || !record) return;
  const frame = encodeFrame({ ...record, plugin_id: subject.id, instance: subject.instance, type: 'log' });
  for (const client of clients) client.log(frame);
}

function recordOf(msg: Msg): Record<string, unknown> | undefined {
  try {
    const value: unknown = msg.json();
    const isRecord = typeof value === 'object' && value !== null && 'message' in value;
    return isRecord && typeof value.message === 'string' ? { ...value } : undefined;
  } catch {
    // Not a log record, whoever sent it.
    return undefined;
  }
}
