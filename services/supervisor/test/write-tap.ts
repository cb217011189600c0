import net from 'node:net';
import type { AddressInfo } from 'node:net';

/** Stands between a supervisor and its broker, and holds its bytes back from a write to a key of a bucket on. */
export class WriteTap {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #held: (() => void)[] = [];
  #awaited: { texts: string[]; skip: number; reached: () => void } | undefined;

  constructor(brokerPort: number) {
    this.#server = net.createServer((client) => this.#join(client, net.connect(brokerPort, '127.0.0.1')));
  }

  static async create(brokerPort: number): Promise<WriteTap> {
    const tap = new WriteTap(brokerPort);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * Who writes to one of these keys next is not heard any more until `release`: `reached` is called instead.
   * @param skip as many writes are let through before
   */
  before(bucket: string, keys: readonly string[], reached: () => void, skip = 0): void {
    this.#awaited = { texts: keys.map((key) => `PUB $KV.${bucket}.${key} `), skip, reached };
  }

  release(): void {
    for (const send of this.#held.splice(0)) send();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(client: net.Socket, broker: net.Socket): void {
    let isHeld = false;
    client.on('data', (bytes: Buffer) => {
      isHeld ||= this.#isReached(bytes);
      if (isHeld) this.#held.push(() => broker.write(bytes));
      else broker.write(bytes);
    });
    broker.on('data', (bytes) => client.write(bytes));
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // Who is killed resets its connections.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  #isReached(bytes: Buffer): boolean {
    const awaited = this.#awaited;
    if (!awaited?.texts.some((text) => bytes.includes(text))) return false;
    awaited.skip -= 1;
    if (awaited.skip >= 0) return false;
    this.#awaited = undefined;
    awaited.reached();
    return true;
  }
}
