import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import type { TlsOptions } from '@nats-io/nats-core';

/** What Node takes beside what the types of nats.js know. */
interface Tls extends TlsOptions {
  checkServerIdentity?: typeof checkServerIdentity;
}

/** @returns undefined when no server is to be spoken to by TLS; else one without it is refused before anything is shown */
export function tlsOptions(servers: readonly string[], caFile: string | undefined): Tls | undefined {
  if (caFile === undefined && !servers.some((server) => server.startsWith('tls://'))) return undefined;
  return { ...(caFile !== undefined && { caFile }), checkServerIdentity: identityCheck(servers) };
}

/**
 * nats.js names no server that is given by its address, and Node would look for "localhost" in the certificate instead:
 * the one with the address is as good.
 */
function identityCheck(servers: readonly string[]): typeof checkServerIdentity {
  const hosts = servers.map(hostOf);
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return (name: string, certificate: PeerCertificate): Error | undefined => {
    if (addresses.length === 0 || (name === 'localhost' && hosts.includes(name)) || name !== 'localhost')
      return checkServerIdentity(name, certificate);
    const problems = addresses.map((address) => checkServerIdentity(address, certificate));
    return problems.includes(undefined) ? undefined : problems[0];
  };
}

/** IPv6 without its brackets; "" of what is no URL. */
function hostOf(server: string): string {
  const host = URL.parse(server.includes('://') ? server : `nats://${server}`)?.hostname ?? '';
  return host.replace(/^\[(.*)\]$/, '$1');
}
