import { configDefaults, problemOfMsg, subjects } from '@bkg/sdk';
import { startNatsServer } from '@bkg/sdk/testing';
import { Program } from '../program.ts';
import { offer } from './offer.ts';
import type { Offered } from './offer.ts';
import type { Options } from './options.ts';

/** A limit that the instances of a plugin keep by themselves, each a share of it, invoked over NATS. */
export async function measureReplicas(replicas: number, options: Options): Promise<Offered> {
  const { rate, burst, offered, seconds } = options;
  await using nats = await startNatsServer({ jetstream: false });
  const { url, credentials } = nats;
  const limits = { ...configDefaults.limits, rate_per_second: rate, burst };
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < replicas; i += 1) {
    const config = { replicas, limits };
    const one = { url, credentials, joinWrites: true, mostMs: 0, instance: `bench-${i}`, config };
    stack.use(await Program.start('echo.ts', one));
  }
  const caller = await nats.connect('caller');
  const body = JSON.stringify({ text: 'hello' });
  return await offer(offered, seconds, async () => {
    const subject = subjects.invokeCapability('echo', 'say');
    const problem = problemOfMsg(await caller.request(subject, body, { timeoutMs: 10_000 }));
    return !problem ? 'admitted' : problem.code === 'RATE_LIMITED' ? 'limited' : 'failed';
  });
}
