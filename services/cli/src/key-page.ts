import type { ApiKey, Principal, RateLimit } from '@bkg/sdk/protocol';
import { dateAndTime } from './clock.ts';
import { mayText, stateText } from './key-list.ts';
import { paint, printable } from './terminal.ts';

/** All about one key. */
export function keyPage(key: ApiKey, now: number): string[] {
  return page(key.prefix, [
    ['name', printable(key.name)],
    ['owner', printable(key.owner)],
    ['may', mayText(key)],
    ['broker', brokerText(key)],
    ['limit', limitText(key.limits)],
    ['state', stateText(key, now)],
    [
      'old secret',
      key.old_secret_until === undefined ? '' : `does until ${dateAndTime(key.old_secret_until)}`,
    ],
    ['last used', key.last_used_at === undefined ? 'never' : dateAndTime(key.last_used_at)],
    ['made', `${dateAndTime(key.created_at)} by ${printable(key.created_by)}`],
    ['revision', String(key.revision)],
  ]);
}

/** Who the gateway takes somebody for. @param from where the key comes from */
export function principalPage(principal: Principal, from: string): string[] {
  return page(principal.prefix, [
    ['name', printable(principal.name)],
    ['owner', printable(principal.owner)],
    ['may', mayText({ roles: [], scopes: principal.scopes })],
    ['broker', brokerText(principal)],
    ['limit', limitText(principal.limits)],
    ['until', principal.expires_at === undefined ? '' : dateAndTime(principal.expires_at)],
    ['taken from', from],
  ]);
}

/** What it has nothing to say of is left out. */
function page(prefix: string, rows: readonly (readonly [string, string])[]): string[] {
  const told = rows.filter(([, text]) => text !== '');
  return [paint('bold', printable(prefix)), ...told.map(([title, text]) => `  ${title.padEnd(11)} ${text}`)];
}

function brokerText({ broker, prefix }: Pick<ApiKey, 'broker' | 'prefix'>): string {
  return broker ? `yes, with the inbox prefix _INBOX.${printable(prefix)}` : 'no';
}

function limitText(limit: RateLimit | undefined): string {
  if (!limit) return '';
  const burst = limit.burst === undefined ? '' : `, ${limit.burst} at once`;
  return `${limit.rate_per_second} invocations a second${burst}`;
}
