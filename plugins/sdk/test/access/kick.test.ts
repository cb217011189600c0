import type { Msg } from '@nats-io/nats-core';
import { expect, it } from 'vitest';
import { Kicker } from '../../src/access/index.ts';
import type { Connection } from '../../src/connection.ts';
import type { RequestManyOptions } from '../../src/requests.ts';
import { silentLogger } from '../../src/testing.ts';

/** A cluster of servers with so many connections each. */
function clusterOf(...sizes: number[]) {
  const asked: number[] = [];
  const page = (server: number, size: number, offset: number, limit: number): Msg => {
    const length = Math.max(0, Math.min(limit, size - offset));
    const connections = Array.from({ length }, (_, i) => ({
      cid: offset + i,
      authorized_user: `u${server}`,
    }));
    const data = { server_id: `s${server}`, total: size, connections };
    return { data: Buffer.from(JSON.stringify({ data })) } as Partial<Msg> as Msg;
  };
  const connection = {
    nats: { info: { cluster: 'test' } },
    requestMany: async (_: string, question: string, { most = Infinity }: RequestManyOptions) => {
      asked.push(most);
      const { offset, limit } = JSON.parse(question) as { offset: number; limit: number };
      return sizes.map((size, server) => page(server, size, offset, limit));
    },
  } as unknown as Connection;
  return { asked, kicker: new Kicker({ connection, log: silentLogger, pageSize: 10 }) };
}

it('the second page of a cluster waits for no more servers than have answered the first', async () => {
  const { asked, kicker } = clusterOf(25, 3);
  expect(await kicker.names()).toEqual(new Set(['u0', 'u1']));
  expect(asked).toEqual([Infinity, 2, 2]);
});

it('a cluster of which nobody answers in time has not said that there is nothing to close', async () => {
  const { kicker } = clusterOf();
  await expect(kicker.kick('u0')).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});
