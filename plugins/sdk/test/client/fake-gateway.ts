import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

export interface Frame {
  op: string;
  id: string;
  [member: string]: unknown;
}

/** The gateway's end of one socket. */
export interface Peer {
  /** What the socket was asked for with. */
  headers: IncomingHttpHeaders;
  socket: WebSocket;
  /** What has come, in order. */
  frames: Frame[];
  /** As it came. */
  texts: string[];
  send: (frame: unknown) => void;
}

export interface FakeGatewayOptions {
  port?: number;
  /** Of its process. */
  id?: string;
  /** Whether it says hello. */
  greets?: boolean;
  maxFrameBytes?: number;
}

/** As much of a gateway as a client sees: frames, written and read by the test. */
export class FakeGateway {
  readonly peers: Peer[] = [];
  /** Called for each frame. */
  onFrame: (frame: Frame, peer: Peer) => void = () => undefined;
  readonly port: number;
  readonly #server: WebSocketServer;

  private constructor(server: WebSocketServer, { id = 'g1', greets = true }: FakeGatewayOptions) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket, { headers }) => {
      const peer: Peer = {
        headers,
        socket,
        frames: [],
        texts: [],
        send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
      };
      this.peers.push(peer);
      socket.on('message', (data: Buffer) => {
        const text = data.toString();
        const frame = JSON.parse(text) as Frame;
        peer.texts.push(text);
        peer.frames.push(frame);
        this.onFrame(frame, peer);
      });
      // A frame that is too large: the close code says it.
      socket.on('error', () => undefined);
      if (greets) peer.send({ type: 'hello', gateway: id, protocol: '1' });
    });
  }

  static async start(options: FakeGatewayOptions = {}): Promise<FakeGateway> {
    const { port = 0, maxFrameBytes = 1_048_576 } = options;
    const server = new WebSocketServer({ host: '127.0.0.1', port, path: '/ws', maxPayload: maxFrameBytes });
    await once(server, 'listening');
    return new FakeGateway(server, options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The latest socket. */
  get peer(): Peer {
    const peer = this.peers.at(-1);
    if (!peer) throw new Error('nobody has connected yet');
    return peer;
  }

  /** Ends as a process that is killed. */
  async stop(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
