import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { delay, portHolder } from '@bkg/sdk/host';
import { Failure } from '../failure.ts';

export interface WantedPort {
  host: string;
  port: number;
  /** The setting that names it. */
  setting: string;
  /** What it is when that is not set. */
  standard: number;
  /** What listens on it, such as "the gateway". */
  user: string;
}

export interface Patience {
  forMs: number;
  everyMs: number;
}

/**
 * Looks before anything starts whether the ports are free. bkg's own lie where Linux takes the ports of outgoing
 * connections from, so one may be in use just for a moment.
 * @throws Failure that names everybody who holds one
 */
export async function needPorts(
  wanted: readonly WantedPort[],
  { forMs, everyMs }: Patience,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + forMs;
  for (;;) {
    const refused = (await Promise.all(wanted.map(async (one) => ({ one, why: await refusal(one) })))).filter(
      ({ why }) => why !== undefined,
    );
    if (refused.length === 0) return;
    if (performance.now() >= until || refused.some(({ why }) => why !== 'EADDRINUSE'))
      throw await taken(refused);
    await delay(everyMs, signal);
  }
}

/**
 * Ports that nobody uses now, all different: held until the last is known, as the system may name one twice.
 * @throws what the system says of a host that nobody can listen on
 */
export async function freePorts(...hosts: readonly string[]): Promise<number[]> {
  const tries = await Promise.allSettled(hosts.map(listenAnywhere));
  const servers = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  // Also when one has failed: what listens keeps the process from ending.
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const failed = tries.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return ports;
}

function listenAnywhere(host: string): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer().once('error', reject);
  server.listen({ host, port: 0 }, () => resolve(server));
  return promise;
}

/** The code of the system's refusal to listen there. */
function refusal({ host, port }: WantedPort): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer().once('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code ?? error.message),
  );
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  return promise;
}

async function taken(refused: readonly { one: WantedPort; why: string | undefined }[]): Promise<Failure> {
  const lines = refused.map(async ({ one: { host, port, user }, why }) => {
    if (why === 'EADDRINUSE')
      return `Port ${port} for ${user} is taken by ${(await portHolder(port)) ?? 'a process that the system does not name'}.`;
    if (why === 'EACCES')
      return `Port ${port} for ${user} is reserved for the administrator of this machine.`;
    return `Port ${port} for ${user} cannot be used on ${host} (${why}).`;
  });
  const settings = refused.map(({ one }) => `${one.setting}=${otherThan(one)}`).join(' ');
  return new Failure(
    (await Promise.all(lines)).join('\n'),
    `end that process, or use another port: ${settings}`,
  );
}

/** Beside it, but none that is reserved for the administrator, and one that there is. */
function otherThan({ port, standard }: WantedPort): number {
  if (port < 1_024) return standard;
  return port === 65_535 ? port - 1 : port + 1;
}
