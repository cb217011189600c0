import type { ApiKey, NewKey } from '@bkg/sdk/protocol';
import type { Gateway, GatewayRequest } from './gateway.ts';
import { mayText, stateText } from './key-list.ts';
import { printable } from './terminal.ts';

/** Where the gateway has a key, and what can be done to it. */
export function keyPath(prefix: string, ...rest: string[]): string {
  return ['/api/keys', encodeURIComponent(prefix), ...rest].join('/');
}

/** A request with JSON in its body. */
export function jsonRequest(method: 'POST' | 'PATCH', body: unknown): GatewayRequest {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** Prints what the gateway says, as it is. @throws Failure */
export async function printRaw(
  gateway: Gateway,
  path: string,
  request: GatewayRequest = {},
): Promise<number> {
  process.stdout.write(`${(await gateway.get(path, request)).toString()}\n`);
  return 0;
}

/** The secret alone on standard output, the rest on standard error: whoever pipes it on does not see it. */
export function printSecret({ key, secret }: NewKey, notes: readonly string[]): void {
  process.stderr.write(notes.map((note) => `bkg: ${note}\n`).join(''));
  process.stdout.write(`${secret}\n`);
  if (key.broker)
    process.stderr.write(`bkg: at the broker its client needs the inbox prefix _INBOX.${key.prefix}\n`);
}

/** `Kabcdefghi (ci), may invoke:candle, valid` */
export function keyText(key: ApiKey): string {
  return `${printable(key.prefix)} (${printable(key.name)}), may ${mayText(key)}, ${stateText(key, Date.now())}`;
}
