/** A Moleculer service with one action. Options: see `OnBroker`. */
import { ServiceBroker } from 'moleculer';
import type { Context } from 'moleculer';
import { moleculerOptions } from './moleculer-options.ts';
import type { OnBroker } from './on-broker.ts';

const broker = new ServiceBroker(moleculerOptions('plugin', JSON.parse(process.argv[2] ?? '{}') as OnBroker));
broker.createService({
  name: 'echo',
  actions: { say: ({ params: { text } }: Context<{ text: string }>) => ({ text }) },
});
await broker.start();
process.send?.({ ready: true });
