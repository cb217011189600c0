import type { FastifyInstance } from 'fastify';
import { delay, portHolder } from '@bkg/sdk/host';

export interface ListenOptions {
  host: string;
  port: number;
  /** How long a taken port is tried again. @default 3000 */
  forMs?: number;
  /** @default 250 */
  everyMs?: number;
  signal?: AbortSignal;
}

/**
 * Listens. Our port lies in the range from which Linux takes the ports of outgoing connections, and a predecessor may
 * be just ending: a taken port is tried again for a moment.
 * @returns the address, for people
 * @throws Error that says what is in the way and what to do; the reason of `signal`
 */
export async function listen(app: FastifyInstance, options: ListenOptions): Promise<string> {
  const { host, port, forMs = 3_000, everyMs = 250, signal } = options;
  const until = Date.now() + forMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await app.listen({ host, port });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE') throw explain(error as NodeJS.ErrnoException, options);
      if (Date.now() >= until) throw await taken(options, error);
    }
    await delay(everyMs, signal);
  }
}

async function taken({ host, port }: ListenOptions, cause: unknown): Promise<Error> {
  const holder = (await portHolder(port)) ?? 'another program';
  const remedy = 'Stop it, or choose another port with BKG_PORT.';
  return new Error(`Port ${port} on ${host} is taken by ${holder}. ${remedy}`, { cause });
}

function explain(error: NodeJS.ErrnoException, { host, port }: ListenOptions): Error {
  const cause = error;
  switch (error.code) {
    case 'EACCES':
      return new Error(
        `Port ${port} needs more rights than this user has; choose one above 1023 with BKG_PORT.`,
        {
          cause,
        },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`${host} is no address of this machine; correct BKG_HOST.`, { cause });
    default:
      return error;
  }
}
