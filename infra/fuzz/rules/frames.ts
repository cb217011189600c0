import type { SocketReading } from '../ways/socket-reader.ts';
import { problemFlaws, shapeOf } from './problems.ts';
import type { ProblemOptions } from './problems.ts';

const types: ReadonlySet<unknown> = new Set([
  ...['hello', 'snapshot', 'data', 'dropped', 'unsubscribed', 'chunk', 'result', 'error'],
  // Of a socket about one plugin.
  ...['status', 'telemetry', 'log'],
]);
/** For what the client has done, or as it has closed itself; 1011 would be a failure of the gateway. */
const closeCodes = new Set([1000, 1001, 1002, 1003, 1005, 1007, 1009, 4401, 4403, 4404]);

/** What is wrong with what a gateway has sent over a socket. */
export function frameFlaws(
  { messages, closeCode, flaws }: SocketReading,
  options: ProblemOptions = {},
): string[] {
  return [
    ...flaws,
    ...messages.flatMap((message) => {
      const frame = parse(message);
      if (!types.has(frame?.['type'])) return [`a frame of the gateway is none: ${message.slice(0, 200)}`];
      return frame?.['type'] === 'error' ? problemFlaws(frame['problem'], options) : [];
    }),
    // A client that closes with a code of its own gets it back.
    ...(closeCode !== undefined && closeCode >= 1000 && closeCode < 3000 && !closeCodes.has(closeCode)
      ? [`the gateway has closed with ${closeCode}`]
      : []),
  ];
}

export function frameOutcomes({ messages, closeCode }: SocketReading): string[] {
  const said = messages.map((message) => {
    const { type, problem, invocation_id } = Object(parse(message)) as Record<string, unknown>;
    const { code, detail } = Object(problem) as Record<string, unknown>;
    const why = typeof detail === 'string' ? ` ${String(code)} ${shapeOf(detail)}` : '';
    return `${String(type)}${type === 'error' && invocation_id !== undefined ? ' of an invocation' : ''}${why}`;
  });
  return [...new Set(said), ...(closeCode === undefined ? [] : [`closed ${closeCode}`])];
}

function parse(message: string): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(message)) as Record<string, unknown>;
  } catch {
    // The rule says that it is none.
    return undefined;
  }
}
