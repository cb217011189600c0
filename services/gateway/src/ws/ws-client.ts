import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { BkgError, problemOfError, protocolVersion } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import type { Caller } from '../access/caller.ts';
import type { Invocations } from '../invoke/invocations.ts';
import { Calls } from './calls.ts';
import { watchCaller } from './caller-watch.ts';
import type { CallsParts } from './calls.ts';
import { ChunkRoom } from '../invoke/chunk-room.ts';
import { goodbye } from './clients.ts';
import type { Client, Clients } from './clients.ts';
import { closeCodes } from './close-codes.ts';
import { FrameWriter } from './frame-writer.ts';
import { idOf, invalid, readMembers, readOrder } from './frame.ts';
import type { Order } from './frame.ts';
import type { MeshTopics } from './mesh-topics.ts';
import { plainFrame } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';
import { Outgoing } from './outgoing.ts';
import { Subscriptions } from './subscriptions.ts';
import type { Subscribe } from './subscriptions.ts';

export interface WsClientParts {
  /** A random id of this gateway's process. */
  gateway: string;
  caller: Caller;
  clients: Clients;
  topics: MeshTopics;
  invocations: Invocations;
  payloadLimit: CallsParts['payloadLimit'];
  /** It wanted something that it may not. */
  refused: CallsParts['refused'];
  log: Logger;
}

export interface WsClientOptions {
  /** @default 64 */
  subscriptionsMost?: number;
  /** @default 64 */
  callsMost?: number;
  /** Answers that wait before nothing more is read from a client. @default 1 MiB */
  answersMostBytes?: number;
  /** Chunks that wait for a client; beyond, one of its streams ends. @default 8 MiB */
  chunksMostBytes?: number;
}

/** One client of `/ws`, from the upgrade to the end of its socket. */
export class WsClient implements Client {
  readonly #socket: WebSocket;
  readonly #outgoing: Outgoing;
  readonly #writer: FrameWriter;
  readonly #subscriptions: Subscriptions;
  readonly #calls: Calls;
  readonly #caller: Caller;
  readonly #refused: CallsParts['refused'];
  readonly #log: Logger;
  readonly #callsMost: number;
  readonly #answersMostBytes: number;
  #isStopping = false;

  constructor(parts: WsClientParts, socket: WebSocket, tcp: Socket, options: WsClientOptions = {}) {
    const { clients, gateway } = parts;
    this.#socket = socket;
    this.#caller = parts.caller;
    this.#refused = parts.refused;
    this.#log = parts.log;
    this.#callsMost = options.callsMost ?? 64;
    this.#answersMostBytes = options.answersMostBytes ?? 1024 * 1024;
    this.#outgoing = new Outgoing(clients.linesMostBytes);
    const source = { next: () => this.#next() };
    this.#writer = new FrameWriter(socket, tcp, source, clients.turns, clients.options);
    this.#subscriptions = new Subscriptions({
      ...parts,
      ...options,
      outgoing: this.#outgoing,
      wake: () => this.#writer.wake(),
      onTaken: ({ id }, { problem }) => {
        this.#answer(plainFrame({ type: 'error', id, problem }));
        this.#answer(plainFrame({ type: 'unsubscribed', id }));
      },
    });
    const { chunksMostBytes = 8 * 1024 * 1024 } = options;
    this.#calls = new Calls({
      ...parts,
      ...options,
      send: (frame) => this.#answer(frame),
      onChunk: (stream) => {
        this.#outgoing.chunk(stream);
        this.#writer.wake();
      },
      room: new ChunkRoom('this client', chunksMostBytes),
    });
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    const unwatch = watchCaller(parts.caller, {
      changed: () => {
        this.#subscriptions.review();
        this.#calls.review();
      },
      ended: (reason) => this.#writer.close(closeCodes.ended, reason),
    });
    socket.on('close', () => {
      unwatch();
      this.#subscriptions.endAll();
      this.#calls.cancelAll();
    });
    clients.add(this, socket);
    this.#answer(plainFrame({ type: 'hello', gateway, protocol: protocolVersion }));
  }

  check(): void {
    this.#writer.check();
  }

  /** Takes nothing new; what it has running may end. */
  stop(): void {
    this.#isStopping = true;
    this.#writer.wake();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    let id: string | undefined;
    try {
      if (isBinary) throw invalid('', 'is binary; send JSON as text');
      const members = readMembers(data);
      id = idOf(members);
      this.#obey(readOrder(members, data));
    } catch (error) {
      if (!(error instanceof BkgError)) this.#log.error({ error }, 'a frame failed in the gateway');
      const problem = problemOfError(error, 'The gateway failed; its log says why.');
      this.#answer(plainFrame({ type: 'error', ...(id !== undefined && { id }), problem }));
    }
  }

  #obey(order: Order): void {
    const { id } = order;
    if (order.op === 'credit') return this.#calls.give(id, order.credit);
    if (order.op === 'cancel') return this.#calls.cancel(id);
    if (order.op === 'unsubscribe') {
      this.#subscriptions.end(id);
      return this.#answer(plainFrame({ type: 'unsubscribed', id }));
    }
    if (this.#isStopping) {
      throw new BkgError('PLUGIN_UNAVAILABLE', 'The gateway is stopping; try again in a moment.');
    }
    if (this.#calls.has(id) || this.#subscriptions.has(id)) {
      throw invalid('/id', `is in use by what is open under "${id}"; choose one of its own for each`);
    }
    this.#caller.assertCurrent();
    if (order.op === 'subscribe') return this.#subscribe(order);
    if (this.#calls.size >= this.#callsMost) {
      throw new BkgError(
        'BUSY',
        `${this.#callsMost} invocations are running on this socket, which is the most.`,
      );
    }
    void this.#calls.run(id, order.call);
  }

  #subscribe(order: Subscribe): void {
    try {
      this.#subscriptions.begin(order);
    } catch (error) {
      if (error instanceof BkgError && error.code === 'FORBIDDEN') {
        this.#refused('read', [...(order.plugins ?? [order.topic])].join(' ').slice(0, 200), error);
      }
      throw error;
    }
  }

  #answer(frame: OutFrame): void {
    this.#outgoing.answer(frame);
    // Who sends and does not take the answers has to wait with sending.
    if (this.#outgoing.answerBytes > this.#answersMostBytes) this.#socket.pause();
    this.#writer.wake();
  }

  #next(): OutFrame | undefined {
    if (!this.#isStopping) {
      const frame = this.#outgoing.next();
      this.#readOn();
      return frame;
    }
    const answer = this.#outgoing.nextAnswer() ?? this.#outgoing.nextChunk();
    this.#readOn();
    if (!answer && this.#calls.size === 0) this.#writer.close(closeCodes.goingAway, goodbye);
    return answer;
  }

  #readOn(): void {
    const isTaken = this.#outgoing.answerBytes <= this.#answersMostBytes / 2;
    if (this.#socket.isPaused && isTaken) this.#socket.resume();
  }
}
