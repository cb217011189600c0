import type { Bytes } from '../grammar/bytes.ts';

/** An answer as it came over the wire. */
export interface HttpAnswer {
  status: number;
  /** In lower case, in their order. */
  headers: [name: string, value: string][];
  body: Bytes;
  /** Its end came, and not that of the connection. */
  isComplete: boolean;
  /** It answers HEAD. */
  isHead: boolean;
}

export interface Reading {
  answers: HttpAnswer[];
  /** What came that is no answer; empty when there is none. */
  rest: Bytes;
}

const noBody = new Set([204, 304]);

/**
 * Takes apart all that has come on a connection. Strict: what a lenient reader would pass over is what tells that something
 * was put into an answer that does not belong there.
 * @param methods of the requests, because an answer to HEAD has no body
 * @param isOver nothing more comes
 */
export function readAnswers(bytes: Bytes, methods: readonly string[], isOver: boolean): Reading {
  const answers: HttpAnswer[] = [];
  let rest = bytes;
  while (rest !== '') {
    const headEnd = rest.indexOf('\r\n\r\n');
    const [line = '', ...lines] = headEnd < 0 ? [] : rest.slice(0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(line)?.[1]);
    const headers = lines.map((text) => /^([!#$%&'*+.^_`|~\w-]+): ?(.*)$/.exec(text));
    if (Number.isNaN(status) || headers.includes(null)) break;
    const pairs = headers.map((found): [string, string] => [
      found?.[1]?.toLowerCase() ?? '',
      found?.[2] ?? '',
    ]);
    const after = rest.slice(headEnd + 4);
    if (status >= 100 && status < 200 && status !== 101) {
      rest = after;
      continue;
    }
    // What the parser refuses is answered without knowing what was asked for, with a body after HEAD, too. What was asked
    // for in bytes that were changed nobody knows; no body begins like an answer.
    const isNext = after.startsWith('HTTP/1.1 ');
    const isHead = isNext || (methods[answers.length] === 'HEAD' && !(status === 400 && after !== ''));
    const hasNone = noBody.has(status) || status === 101 || isHead;
    const taken = hasNone ? { body: '', length: 0, isComplete: true } : takeBody(after, pairs, isOver);
    if (!taken.isComplete && !isOver) break;
    answers.push({ status, headers: pairs, body: taken.body, isComplete: taken.isComplete, isHead });
    rest = after.slice(taken.length);
    // What comes after it is no HTTP any more.
    if (status === 101) return { answers, rest: '' };
  }
  return { answers, rest };
}

interface Taken {
  body: Bytes;
  /** Of the bytes, what it took. */
  length: number;
  isComplete: boolean;
}

function takeBody(bytes: Bytes, headers: HttpAnswer['headers'], isOver: boolean): Taken {
  const valueOf = (name: string): string | undefined => headers.find(([one]) => one === name)?.[1];
  if (valueOf('transfer-encoding')?.toLowerCase() === 'chunked') return takeChunks(bytes);
  const length = valueOf('content-length');
  if (length === undefined) return { body: bytes, length: bytes.length, isComplete: isOver };
  const size = Number(length);
  return {
    body: bytes.slice(0, size),
    length: Math.min(size, bytes.length),
    isComplete: bytes.length >= size,
  };
}

function takeChunks(bytes: Bytes): Taken {
  let body = '';
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = lineEnd < 0 ? NaN : parseInt(bytes.slice(at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (Number.isNaN(size) || bytes.length < end + 2)
      return { body, length: bytes.length, isComplete: false };
    body += bytes.slice(lineEnd + 2, end);
    at = end + 2;
    if (size === 0) return { body, length: at, isComplete: true };
  }
}
