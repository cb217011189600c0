/** A streaming reply: chunks that are numbered, and no more of them than the caller has given credit for. */
import { Failure } from './failure.mjs';

const mostCredit = 1_024;
/** Without credit and without a sign for so long, the caller counts as gone. */
const patienceMs = 30_000;

export class ReplyStream {
  #nats;
  #reply;
  #flow;
  #credit;
  #end;
  #seq = 0;
  #hasEnded = false;
  #room = Promise.withResolvers();
  #silence;

  /**
   * @param reply the caller's reply subject @param window how many chunks it takes before it gives credit
   * @param end called with a failure when the caller wants no more; `finish` then ends what `write` waits for
   */
  constructor({ nats, flows, reply, window, end }) {
    this.#nats = nats;
    this.#reply = reply;
    this.#credit = window;
    this.#end = end;
    this.#flow = flows.open((message) => this.#hear(message));
  }

  /** Sends a chunk as soon as there is credit for it: who yields the next one earlier would fill the memory. */
  async write(chunk) {
    while (this.#credit === 0 && !this.#hasEnded) {
      this.#wait();
      await this.#room.promise;
    }
    if (this.#hasEnded) throw new Failure('CANCELLED', 'The stream has ended.');
    const frame = { headers: { 'Bkg-Seq': this.#seq }, reply: this.#flow.subject };
    if (!this.#nats.publish(this.#reply, JSON.stringify(chunk), frame))
      throw new Failure('PLUGIN_CRASHED', 'The broker was away in the middle of the stream.');
    this.#credit -= 1;
    this.#seq += 1;
  }

  /** The last frame, with the output or a failure: it costs no credit, and nothing comes after it. */
  finish = (body, { headers } = {}) => {
    this.#hasEnded = true;
    clearTimeout(this.#silence);
    this.#flow.close();
    this.#room.resolve();
    const place = { 'Bkg-Seq': this.#seq, 'Bkg-End': this.#seq + 1 };
    return this.#nats.publish(this.#reply, body, { headers: { ...headers, ...place } });
  };

  #hear(message) {
    // The broker's own word that nobody listens to the caller's reply subject any more.
    if (message.status === 503) return this.#end(cancelled('The caller is gone.'));
    const { credit, cancel } = saidIn(message);
    if (cancel === true) return this.#end(cancelled('The caller wants no more.'));
    if (!Number.isInteger(credit) || credit < 0) return;
    this.#credit = Math.min(mostCredit, this.#credit + credit);
    clearTimeout(this.#silence);
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  #wait() {
    clearTimeout(this.#silence);
    const failure = cancelled(`The caller has given no sign for ${patienceMs} ms.`);
    this.#silence = setTimeout(this.#end, patienceMs, failure);
  }
}

function saidIn(message) {
  try {
    return Object(JSON.parse(message.body.toString()));
  } catch {
    return {};
  }
}

function cancelled(why) {
  return new Failure('CANCELLED', why);
}
