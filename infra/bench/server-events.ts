const newline = 0x0a;

/** What a stream has ended with that is no result. */
export class StreamFailure extends Error {
  /** The problem, as JSON; empty when it was cut off. */
  readonly problem: string;

  constructor(message: string, problem = '') {
    super(message);
    this.problem = problem;
  }
}

/**
 * The data of the chunks of an answer as server-sent events, which have to come in their order.
 * @returns the result
 * @throws StreamFailure for an event `error`, a number that is not the next one, an end without a result
 */
export async function* chunkEvents(answer: AsyncIterable<Buffer>): AsyncGenerator<Buffer, Buffer, void> {
  let expected = 0;
  for await (const text of events(answer)) {
    const { event, id, data } = readEvent(text);
    // A comment, which keeps the connection alive.
    if (event === '' && data.length === 0) continue;
    if (event === 'result') return data;
    if (event !== 'chunk')
      throw new StreamFailure(`the stream ended with ${event}: ${data.toString()}`, data.toString());
    if (Number(id) !== expected) throw new StreamFailure(`chunk ${id} has come in the place of ${expected}`);
    expected += 1;
    yield data;
  }
  throw new StreamFailure(`the stream was cut off after ${expected} chunks`);
}

/** The bytes of each, without the empty line after it. */
async function* events(answer: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  // Parts of one that has not all come yet: joined once, when its end is there.
  let parts: Buffer[] = [];
  for await (const piece of answer) {
    let from = 0;
    // Its two ends of a line may have come in two pieces.
    if (piece[0] === newline && parts.at(-1)?.at(-1) === newline) {
      yield Buffer.concat(parts).subarray(0, -1);
      [parts, from] = [[], 1];
    }
    for (let end = piece.indexOf('\n\n', from); end >= 0; end = piece.indexOf('\n\n', from)) {
      yield Buffer.concat([...parts, piece.subarray(from, end)]);
      [parts, from] = [[], end + 2];
    }
    if (from < piece.length) parts.push(piece.subarray(from));
  }
}

function readEvent(text: Buffer): { event: string; id: string; data: Buffer } {
  let [event, id] = ['', ''];
  let data: Buffer = Buffer.alloc(0);
  for (let at = 0; at < text.length;) {
    const found = text.indexOf(newline, at);
    const end = found < 0 ? text.length : found;
    const name = text.subarray(at, Math.min(end, at + 7)).toString('latin1');
    if (name.startsWith('event: ')) event = text.toString('latin1', at + 7, end);
    else if (name.startsWith('id: ')) id = text.toString('latin1', at + 4, end);
    else if (name.startsWith('data: ')) data = text.subarray(at + 6, end);
    at = end + 1;
  }
  return { event, id, data };
}
