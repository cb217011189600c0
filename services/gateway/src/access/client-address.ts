import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../settings.ts';

/**
 * Where a request comes from. What a header says counts only where we know who has written it: with a public address
 * there is a proxy in front, and from this machine's own one we take the last entry, which it has added itself.
 */
export function clientAddress({ raw, headers }: FastifyRequest, hasProxy: boolean): string {
  const peer = plainAddress(raw.socket.remoteAddress ?? '');
  if (!hasProxy || !isLoopback(peer)) return peer;
  const last = [headers['x-forwarded-for']].flat().join(',').split(',').at(-1)?.trim() ?? '';
  return isIP(last) === 0 ? peer : plainAddress(last);
}

/** Whom to count for one: of IPv6 everybody has a network of 2^64 addresses. */
export function neighbourhood(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  // A last part in the form of IPv4 is two groups.
  return text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? ['', ''] : [group]));
}

/** IPv4 as such, also where the socket takes both; without the zone of a link-local one. */
function plainAddress(address: string): string {
  const [plain = ''] = address.split('%');
  return plain.toLowerCase().startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain;
}
