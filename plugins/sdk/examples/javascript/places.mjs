/** So many handlers run at once, and a bounded queue waits for them: first come, first served. */
import { Failure } from './failure.mjs';

export class Places {
  #mostRunning;
  #mostWaiting;
  #running = 0;
  #waiting = new Set();

  /** @param limits those of a PluginConfig, each of which may be missing */
  constructor({ max_concurrency = 64, max_queue = 1_024 } = {}) {
    this.#mostRunning = max_concurrency;
    this.#mostWaiting = max_queue;
  }

  get waiting() {
    return this.#waiting.size;
  }

  /** Resolves when it has a place, which has to be given back. @throws Failure BUSY at once; the reason of `signal` */
  async take(signal) {
    if (this.#running < this.#mostRunning) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.size >= this.#mostWaiting)
      throw new Failure(
        'BUSY',
        `${this.#mostRunning} invocations run and ${this.#mostWaiting} wait: try again.`,
      );
    const place = Promise.withResolvers();
    this.#waiting.add(place);
    const leave = () => this.#waiting.delete(place) && place.reject(signal.reason);
    signal.addEventListener('abort', leave);
    await place.promise.finally(() => signal.removeEventListener('abort', leave));
  }

  /** The next who waits gets it. */
  give() {
    const [next] = this.#waiting;
    if (!next) this.#running -= 1;
    else if (this.#waiting.delete(next)) next.resolve();
  }
}
