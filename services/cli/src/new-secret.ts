import type { NewKey } from '@bkg/sdk/protocol';
import { note } from './terminal.ts';

/** The secret alone on standard output, the rest on standard error: whoever pipes it on does not see it. */
export function printSecret({ key, secret }: NewKey, notes: readonly string[]): void {
  for (const text of notes) note(text);
  process.stdout.write(`${secret}\n`);
  if (key.broker) note(`at the broker its client needs the inbox prefix _INBOX.${key.prefix}`);
}
