/** moleculer-web, on a free port, which it says. Options: see `OnBroker`. */
import type { AddressInfo, Server } from 'node:net';
import { ServiceBroker } from 'moleculer';
import ApiService from 'moleculer-web';
import { echoPath } from './echo-path.ts';
import { moleculerOptions } from './moleculer-options.ts';
import type { OnBroker } from './on-broker.ts';

const serviceMostMs = 10_000;
const broker = new ServiceBroker(
  moleculerOptions('gateway', JSON.parse(process.argv[2] ?? '{}') as OnBroker),
);
const service = broker.createService({
  name: 'api',
  mixins: [ApiService],
  settings: {
    ip: '127.0.0.1',
    port: 0,
    // Lines for each request, and what makes them.
    logRequest: null,
    logRequestParams: null,
    logResponse: null,
    routes: [
      {
        path: '/',
        mappingPolicy: 'restrict',
        bodyParsers: { json: true },
        aliases: { [`POST ${echoPath}`]: 'echo.say' },
      },
    ],
  },
});
await broker.start();
await broker.waitForServices('echo', serviceMostMs);
const { port } = (service as unknown as { server: Server }).server.address() as AddressInfo;
process.send?.({ ready: port });
