import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface Load {
  port: number;
  path: string;
  body: string;
  connections: number;
  durationMs: number;
  /** An API key, which stands in each request. */
  key?: string;
}

export interface LoadResult {
  /** Answers with status 200. */
  answered: number;
  /** All others. */
  failed: number;
  durationMs: number;
  /** Of each answered request, in ms, sorted. */
  latencies: number[];
}

/**
 * POSTs the same request again and again over kept-alive connections, each with one request at a time. On bare sockets,
 * because client and servers share the machine: an HTTP library would take more of it than what is measured.
 */
export async function load(options: Load): Promise<LoadResult> {
  const { port, connections, durationMs } = options;
  const request = requestOf(options);
  const result: LoadResult = { answered: 0, failed: 0, durationMs: 0, latencies: [] };
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  await Promise.all(Array.from({ length: connections }, () => drive(port, request, until, result)));
  result.durationMs = performance.now() - startedAt;
  result.latencies.sort((a, b) => a - b);
  return result;
}

interface RequestParts extends Pick<Load, 'port' | 'path' | 'body' | 'key'> {
  headers?: Readonly<Record<string, string>>;
}

/** The bytes of it. */
export function requestOf({ port, path, body, key, headers = {} }: RequestParts): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(key === undefined ? [] : [`Authorization: Bearer ${key}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** One connection: resolves when its last answer after `until` has come. */
function drive(port: number, request: Buffer, until: number, result: LoadResult): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const late = setTimeout(
      () => socket.destroy(new Error('no answer within 10 s')),
      until - performance.now() + 10_000,
    );
    let sentAt = 0;
    const send = (): void => {
      sentAt = performance.now();
      socket.write(request);
    };
    socket.setNoDelay(true);
    socket.once('connect', send);
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    });
    readAnswers(socket, ({ status }) => {
      const now = performance.now();
      if (status === 200) {
        result.answered += 1;
        result.latencies.push(now - sentAt);
      } else result.failed += 1;
      if (now < until) send();
      else socket.end();
    });
  });
}

export interface Answer {
  status: number;
  /** Its first line and its headers. */
  head: string;
  body: string;
}

/** Calls `take` with each answer; answers are Content-Length framed, as both sides send them. */
export function readAnswers(socket: Socket, take: (answer: Answer) => void): void {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = text.slice(0, end);
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
      if (Number.isNaN(length)) return void socket.destroy(new Error(`an answer without length: ${head}`));
      if (text.length < end + 4 + length) return;
      const body = text.slice(end + 4, end + 4 + length);
      text = text.slice(end + 4 + length);
      take({ status: Number(head.slice(9, 12)), head, body });
    }
  });
}
