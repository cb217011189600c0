import { request } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { eventually } from '@bkg/sdk/testing';

/** A client of HTTP that reads and writes when it is told to. */
export class HttpPeer {
  readonly request: ClientRequest;
  /** What was read of the body so far. */
  readonly chunks: Buffer[] = [];
  /** It was told to send the body. */
  isContinued = false;
  response: IncomingMessage | undefined;
  /** It has ended before its end. */
  isCut = false;
  hasEnded = false;
  error: Error | undefined;

  constructor(
    url: string,
    { headers = {}, ...options }: RequestOptions & { headers?: Record<string, string> },
  ) {
    this.request = request(url, { method: 'POST', headers, agent: false, ...options });
    this.request.on('continue', () => (this.isContinued = true));
    this.request.on('error', (error) => (this.error = error));
    this.request.on('response', (response) => {
      this.response = response;
      response.on('end', () => (this.hasEnded = true));
      response.on('error', () => (this.isCut = true));
      response.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    });
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get status(): number | undefined {
    return this.response?.statusCode;
  }

  /** Resolves when the headers of the answer are here. */
  async answered(): Promise<IncomingMessage> {
    await eventually(() => this.response ?? this.error);
    if (!this.response) throw this.error ?? new Error('no answer');
    return this.response;
  }

  /** Resolves when all of the answer is here, or it was cut. */
  async ended(): Promise<void> {
    await eventually(() => this.hasEnded || this.isCut || this.error !== undefined, { withinMs: 20_000 });
  }

  /** Sends a piece; resolves when there is room for more. */
  async write(piece: Uint8Array): Promise<void> {
    if (!this.request.write(piece)) await new Promise((resolve) => this.request.once('drain', resolve));
  }

  leave(): void {
    this.request.destroy();
  }
}

export interface ServerEvent {
  event?: string;
  id?: string;
  data: string;
}

/** As a browser would read them; comments as events without data. */
export function eventsIn(text: string): ServerEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => !block.startsWith(':'))
    .map((block) => {
      const lines = block.split('\n').map((line) => /^(\w+): (.*)$/.exec(line)?.slice(1) ?? [line, '']);
      const [event] = lines.filter(([name]) => name === 'event').map(([, value]) => value);
      const [id] = lines.filter(([name]) => name === 'id').map(([, value]) => value);
      const data = lines.filter(([name]) => name === 'data').map(([, value]) => value);
      return {
        ...(event !== undefined && { event }),
        ...(id !== undefined && { id }),
        data: data.join('\n'),
      };
    });
}
