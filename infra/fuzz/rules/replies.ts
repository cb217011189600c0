import type { RawMessage } from '../ways/raw-nats.ts';
import { problemFlaws, shapeOf } from './problems.ts';

const errorMostChars = 200;

/** What is wrong with what came over NATS as an answer. */
export function replyFlaws({ headers, body }: RawMessage): string[] {
  const number = headerOf(headers, 'Nats-Service-Error-Code');
  if (number === undefined) return [];
  const error = headerOf(headers, 'Nats-Service-Error');
  const problem = parse(body);
  const { status } = Object(problem) as { status?: unknown };
  const flaws = problemFlaws(problem);
  if (String(status) !== number)
    flaws.push(`a failure has ${number} in its headers and ${String(status)} in its body`);
  if (error === undefined || error.length > errorMostChars || !/^[A-Z_]+: [ -~]*$/.test(error))
    flaws.push(`a failure has the header Nats-Service-Error: ${String(error)}`);
  return flaws;
}

export function replyOutcome({ headers, body }: RawMessage): string {
  const status = /^NATS\/1\.0 (\d+)/.exec(headers)?.[1];
  if (status !== undefined) return `the server's ${status}`;
  const { code, detail } = Object(headers.includes('Nats-Service-Error-Code') ? parse(body) : {}) as {
    code?: unknown;
    detail?: unknown;
  };
  if (typeof detail === 'string') return `${String(code)} ${shapeOf(detail)}`;
  const names = [...headers.matchAll(/^(Bkg-Seq|Bkg-End|Content-Type):/gm)].map(([, name]) => name);
  return ['reply', ...names, body.startsWith('{"type":"io.nats') ? 'of a service' : ''].join(' ').trim();
}

export function headerOf(headers: string, name: string): string | undefined {
  return headers
    .split('\r\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim();
}

function parse(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body, 'latin1').toString());
  } catch {
    // The rule says that it is none.
    return body;
  }
}
