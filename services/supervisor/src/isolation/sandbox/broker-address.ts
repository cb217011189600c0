import { isIP } from 'node:net';

const defaultPort = 4222;

/** Gives the addresses of a host, as `dns.lookup`. */
export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>;

/**
 * The ports of BKG_NATS_URL.
 * @throws Error when it names none, or something that is no server
 */
export function brokerPorts(servers: string): number[] {
  const ports = split(servers).map((server) => Number(parse(server).port || defaultPort));
  if (ports.length === 0) throw new Error('there is no broker in BKG_NATS_URL');
  return [...new Set(ports)];
}

/**
 * The same servers by their addresses, because there are no questions to a name server in the sandbox. What TLS checks
 * the name of keeps it, and so does `localhost`, which every machine knows.
 * @throws what `resolve` throws
 */
export async function withAddresses(servers: string, resolve: Resolve): Promise<string> {
  const found = await Promise.all(split(servers).map((server) => addressesOf(server, resolve)));
  return found.flat().join(',');
}

async function addressesOf(server: string, resolve: Resolve): Promise<string[]> {
  const url = parse(server);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === 'localhost' || isIP(host) !== 0 || url.protocol !== 'nats:') return [server];
  const addresses = await resolve(host);
  return addresses.map(({ address, family }) => {
    const one = new URL(url);
    one.hostname = family === 6 ? `[${address}]` : address;
    return one.href;
  });
}

function parse(server: string): URL {
  return new URL(server.includes('://') ? server : `nats://${server}`);
}

function split(servers: string): string[] {
  return servers
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '');
}
