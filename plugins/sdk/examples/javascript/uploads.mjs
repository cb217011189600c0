/** A payload that comes in chunks: read in their order, and asked for only as fast as it is read. */
import { Failure } from './failure.mjs';

/** Chunks that may be under way: with 256 KiB each, 2 MiB. */
const window = 8;
const mostChunkBytes = 256 * 1024;
/** Without a chunk for so long, though it may send some, the caller counts as gone. */
const patienceMs = 30_000;

export class Upload {
  contentType;
  #nats;
  #flows;
  #to;
  #sizeBytes;
  #mostBytes;
  #end;
  #flow;
  #chunks = [];
  #credit = 0;
  #seq = 0;
  #bytes = 0;
  #isComplete = false;
  #hasEnded = false;
  #arrival = Promise.withResolvers();
  #silence;

  /**
   * @param to where the caller takes credit @param sizeBytes what it has announced; undefined when it does not know
   * @param end called with a failure when something is wrong: nobody reads on then
   */
  constructor({ nats, flows, to, contentType, sizeBytes, mostBytes, end }) {
    this.contentType = contentType;
    this.#nats = nats;
    this.#flows = flows;
    this.#to = to;
    this.#sizeBytes = sizeBytes;
    this.#mostBytes = mostBytes;
    this.#end = end;
  }

  async *[Symbol.asyncIterator]() {
    this.#flow = this.#flows.open((message) => this.#take(message));
    this.#ask(window);
    let read = 0;
    while (!this.#hasEnded) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        yield chunk;
        if (++read % (window / 2) === 0 && !this.#isComplete) this.#ask(window / 2);
      } else if (this.#isComplete) return;
      else await this.#arrival.promise;
    }
    throw new Failure('CANCELLED', 'The invocation has ended.');
  }

  /** Nobody reads it any more. */
  close() {
    this.#hasEnded = true;
    this.#flow?.close();
    clearTimeout(this.#silence);
    this.#arrival.resolve();
  }

  #take({ status, headers, body }) {
    if (status === 503) return this.#end(new Failure('CANCELLED', 'The caller is gone.'));
    if (this.#isComplete || this.#hasEnded) return;
    const wrong = this.#wrongIn(headers.get('Bkg-Seq')?.[0], headers.get('Bkg-End')?.[0], body.length);
    if (wrong) return this.#end(wrong);
    this.#chunks.push(body);
    this.#listen();
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  /** Counts a chunk in. @returns what is wrong with it */
  #wrongIn(seq, end, bytes) {
    if (seq !== String(this.#seq)) return invalid(`Chunk ${this.#seq} was due, and "${seq}" has come.`);
    if (end !== undefined && end !== String(this.#seq + 1))
      return invalid(`Bkg-End is "${end}" on chunk ${seq}.`);
    if (bytes > mostChunkBytes) return invalid(`A chunk has ${bytes} bytes; ${mostChunkBytes} are allowed.`);
    // The last one needs none.
    if (this.#credit === 0 && end === undefined)
      return invalid('A chunk has come for which there was no credit.');
    this.#credit = Math.max(0, this.#credit - 1);
    this.#seq += 1;
    this.#bytes += bytes;
    const size = this.#sizeBytes ?? this.#bytes;
    if (this.#bytes > size || (end !== undefined && this.#bytes < size))
      return invalid(`${size} bytes were announced, and ${this.#bytes} have come.`);
    if (this.#bytes > this.#mostBytes) return tooLarge(this.#mostBytes);
    this.#isComplete = end !== undefined;
  }

  #ask(credit) {
    this.#credit += credit;
    const sent = this.#nats.publish(this.#to, JSON.stringify({ credit }), { reply: this.#flow.subject });
    if (!sent) this.#end(new Failure('PLUGIN_CRASHED', 'The broker was away in the middle of the upload.'));
    this.#listen();
  }

  #listen() {
    clearTimeout(this.#silence);
    if (this.#isComplete || this.#hasEnded || this.#credit === 0) return;
    const failure = new Failure('CANCELLED', `The caller has sent nothing for ${patienceMs} ms.`);
    this.#silence = setTimeout(this.#end, patienceMs, failure);
  }
}

/** Bytes that came whole, in the request itself: read like an upload. */
export async function* inOnePiece(body) {
  if (body.length > 0) yield body;
}

export function tooLarge(mostBytes) {
  return new Failure('PAYLOAD_TOO_LARGE', `It takes ${mostBytes} bytes at most.`);
}

function invalid(detail) {
  return new Failure('INVALID_PAYLOAD', detail);
}
