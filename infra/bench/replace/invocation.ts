/** What the load, the plugins and the judge know of an invocation by its number alone. */

export const paths = ['http', 'nats'] as const;
/** How an invocation reaches the plugin: through the gateway, or as a request on the broker. */
export type Path = (typeof paths)[number];

export const capability = 'work';

const numberDigits = 8;
const [leastMs, mostMs] = [5, 65];

/** @param run 24 random hexadecimal digits that all invocations of a load begin with */
export function idOf(run: string, seq: number): string {
  return run + seq.toString(16).padStart(numberDigits, '0');
}

/** @returns undefined for the id of somebody else */
export function seqOf(run: string, id: string): number | undefined {
  return id.startsWith(run) ? Number.parseInt(id.slice(run.length), 16) : undefined;
}

/** They take turns, so that both see the same moments. */
export function pathOf(seq: number): Path {
  return seq % 2 === 0 ? 'http' : 'nats';
}

/** How long its handler takes: spread evenly, and the same in every run. */
export function workMs(seq: number): number {
  // Knuth's multiplicative hash: neighbours differ, and neither path gets the shorter ones.
  const hash = Math.imul(seq + 1, 2_654_435_761) >>> 0;
  return leastMs + (hash % (mostMs - leastMs + 1));
}

export function payloadOf(id: string, seq: number): string {
  return JSON.stringify({ id, ms: workMs(seq) });
}

/** What a handler answers. */
export interface Output {
  id: string;
  instance: string;
  version: string;
}
