import { Failure } from './failure.ts';

export interface ServerEvent {
  event: string;
  data: string;
}

/** A chunk is a message of the broker, and no more than twice that as an event. */
const mostCharacters = 128 * 1024 * 1024;

/** The events of a body that is `text/event-stream`, as they come; what is no whole event at its end is none. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  let event = 'message';
  let data: string[] = [];
  for await (const line of linesOf(body)) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (line === '') {
      if (data.length > 0) yield { event, data: data.join('\n') };
      event = 'message';
      data = [];
    } else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let characters = 0;
  for await (const bytes of body) {
    const [first = '', ...others] = decoder.decode(bytes, { stream: true }).split('\n');
    parts.push(first);
    characters += first.length;
    for (const next of others) {
      yield parts.join('').replace(/\r$/, '');
      [parts, characters] = [[next], next.length];
    }
    if (characters > mostCharacters)
      throw new Failure('An event of the answer has no end.', 'ask for smaller chunks.');
  }
}
