/** `plugin.<id>.flow.<instance>.<token>`: what the other end of a stream says to this one. */
import { randomBytes } from 'node:crypto';

export class Flows {
  #root;
  #takers = new Map();

  constructor(nats, root) {
    this.#root = root;
    nats.subscribe(`${root}.*`, (message) => this.#takers.get(message.subject)?.(message));
  }

  /** A subject for one stream: nobody else can guess it. */
  open(take) {
    const subject = `${this.#root}.${randomBytes(16).toString('hex')}`;
    this.#takers.set(subject, take);
    return { subject, close: () => this.#takers.delete(subject) };
  }
}
