import path from 'node:path';
import { startNatsServer } from '@bkg/sdk/testing';
import { Program } from '../program.ts';
import { startBkg } from './bkg.ts';
import { echoPath } from './programs/echo-path.ts';
import type { OnBroker } from './programs/on-broker.ts';
import { expectEcho } from './side.ts';
import type { Side } from './side.ts';
import type { SideName } from './side-names.ts';

const starts: Record<SideName, () => Promise<Side>> = {
  bkg: startBkg,
  bridge: () => startPair('bridge', { isCoalesced: false }),
  coalesced: () => startPair('bridge', { isCoalesced: true }),
  moleculer: () => startPair('moleculer', {}),
  nestjs: () => startPair('nestjs', {}),
  fastify: startAlone,
};

/** All of it fresh, in processes of its own, and echoing. */
export async function startSide(name: SideName): Promise<Side> {
  const side = await starts[name]();
  try {
    await expectEcho(side.target);
    return side;
  } catch (error) {
    await side[Symbol.asyncDispose]();
    throw error;
  }
}

/** A gateway and a plugin, two programs of the same name, with a nats-server between them. */
async function startPair(name: string, options: object): Promise<Side> {
  await using starting = new AsyncDisposableStack();
  const nats = starting.use(await startNatsServer({ jetstream: false }));
  const { user = '', password = '' } = nats.credentials;
  const all = { url: nats.url, user, password, ...options } satisfies OnBroker;
  const plugin = starting.use(await Program.start(programFile(`${name}-plugin.ts`), all));
  const gateway = starting.use(await Program.start(programFile(`${name}-gateway.ts`), all));
  const stack = starting.move();
  return {
    target: { port: Number(gateway.ready), path: echoPath },
    pids: { gateway: [gateway.pid], plugin: [plugin.pid], broker: [nats.pid], rest: [] },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startAlone(): Promise<Side> {
  const server = await Program.start(programFile('fastify.ts'), {});
  return {
    target: { port: Number(server.ready), path: echoPath },
    pids: { gateway: [server.pid], plugin: [], broker: [], rest: [] },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function programFile(name: string): string {
  return path.join(import.meta.dirname, 'programs', name);
}
