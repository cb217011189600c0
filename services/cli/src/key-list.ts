import type { ApiKey, Role } from '@bkg/sdk/protocol';
import { dateAndTime } from './clock.ts';
import { tableLines } from './table.ts';
import type { Column } from './table.ts';
import { paint, printable } from './terminal.ts';
import type { Style } from './terminal.ts';

const nothing = '-';

const stateStyles: Record<KeyState, Style> = { valid: 'green', expired: 'yellow', revoked: 'red' };

type KeyState = 'valid' | 'expired' | 'revoked';

function keyState({ revoked_at: revoked, expires_at: expires }: ApiKey, now: number): KeyState {
  if (revoked !== undefined) return 'revoked';
  return expires !== undefined && Date.parse(expires) <= now ? 'expired' : 'valid';
}

/** A line for each key. @param most columns of the terminal */
export function keyLines(keys: readonly ApiKey[], most: number, now: number): string[] {
  if (keys.length === 0) return ['There are no keys yet; `bkg keys create` makes one.'];
  const columns: Column<ApiKey>[] = [
    { title: 'KEY', cell: ({ prefix }) => printable(prefix) },
    { title: 'NAME', cell: ({ name }) => printable(name), least: 8 },
    { title: 'OWNER', cell: ({ owner }) => printable(owner || nothing), least: 6 },
    { title: 'MAY', cell: mayText, least: 12 },
    { title: 'BROKER', cell: ({ broker }) => (broker ? 'yes' : nothing) },
    { title: 'LAST USED', cell: ({ last_used_at: at }) => (at === undefined ? nothing : dateAndTime(at)) },
    {
      title: 'STATE',
      cell: (key) => stateText(key, now),
      paint: (text, key) => paint(stateStyles[keyState(key, now)], text),
    },
  ];
  return tableLines(columns, keys, most);
}

/** A line for each role. @param most columns of the terminal */
export function roleLines(roles: readonly Role[], most: number): string[] {
  const columns: Column<Role>[] = [
    { title: 'ROLE', cell: ({ name }) => printable(name), least: 8 },
    { title: 'SCOPES', cell: ({ scopes }) => scopes.map(printable).join(' ') || nothing, least: 12 },
    { title: 'OF', cell: ({ built_in: isOurs }) => (isOurs ? 'every mesh' : 'this mesh') },
    { title: 'DESCRIPTION', cell: ({ description }) => printable(description), least: 8 },
  ];
  return tableLines(columns, roles, most);
}

/** `role:operator read invoke:candle` */
export function mayText({ roles, scopes }: Pick<ApiKey, 'roles' | 'scopes'>): string {
  return [...roles.map((role) => `role:${role}`), ...scopes].map(printable).join(' ') || 'nothing';
}

/** `Kabcdefghi (ci), may invoke:candle, valid` */
export function keyText(key: ApiKey): string {
  return `${printable(key.prefix)} (${printable(key.name)}), may ${mayText(key)}, ${stateText(key, Date.now())}`;
}

export function stateText(key: ApiKey, now: number): string {
  const { revoked_at: revoked, expires_at: expires } = key;
  const state = keyState(key, now);
  if (state === 'revoked') return `revoked ${dateAndTime(revoked ?? '')}`;
  if (expires === undefined) return state;
  return state === 'valid' ? `until ${dateAndTime(expires)}` : `expired ${dateAndTime(expires)}`;
}
