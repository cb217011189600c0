import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Passes everything on to a broker, and what the broker says in pieces of one byte while `sliced` is set. */
export class SlicingProxy implements AsyncDisposable {
  sliced = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(brokerPort: number) {
    this.#server = createServer((client) => {
      const broker = connect(brokerPort, '127.0.0.1');
      for (const socket of [client, broker]) {
        this.#sockets.add(socket.setNoDelay(true));
        // The other end sees the connection closed, which is all there is to say.
        socket.on('error', () => socket.destroy());
      }
      client.pipe(broker);
      client.once('close', () => broker.destroy());
      broker.once('close', () => client.destroy());
      // It ends with either of the two, often in the middle of a message.
      this.#slice(broker, client).catch(() => client.destroy());
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #slice(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (!this.sliced) {
        to.write(chunk);
        continue;
      }
      for (const byte of chunk) {
        to.write(Buffer.of(byte));
        // A segment of its own for each: two writes of one turn may travel together.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
