import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { hasOwnNetwork, losePackets, passPackets } from './network.ts';

/**
 * The way of one victim to the broker, which can be cut: by the system where we have a network of our own, else by
 * passing nothing on. What is under way then arrives when it is mended, unless somebody gives up meanwhile.
 */
export class Relay implements Disposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isHeld = false;

  /** @param brokerPort of the broker; whether it listens is seen with each connection */
  static async open(brokerPort: number): Promise<Relay> {
    const relay = new Relay(brokerPort);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(0, '127.0.0.1', resolve);
    });
    return relay;
  }

  constructor(brokerPort: number) {
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
      const broker = connect({ port: brokerPort, host: '127.0.0.1', noDelay: true });
      this.#join(client, broker);
      this.#join(broker, client);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    if (hasOwnNetwork) return losePackets(this.port);
    this.#isHeld = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    if (hasOwnNetwork) return passPackets(this.port);
    this.#isHeld = false;
    for (const socket of this.#sockets) socket.resume();
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => void (this.#isHeld || from.resume()));
    });
    // What has gone wrong the other side sees as an end.
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#isHeld) from.pause();
    else from.resume();
  }
}
