/** A worker: an instance of `echo` on a connection of its own, in a thread that can be kept busy without harm to others. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TestServer } from '../../src/testing.ts';
import { connect } from '../../src/connect.ts';
import { Instance } from '../../src/instance.ts';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { silentLogger } from '../../src/testing.ts';
import { createEcho } from '../echo.ts';

const { url, credentials, id } = workerData as Pick<TestServer, 'url' | 'credentials'> & { id: string };
const instance = new Instance(createEcho(id).plugin, {
  connection: await connect({
    servers: [url],
    credentials,
    name: id,
    identity: [id],
    log: silentLogger,
    signal: AbortSignal.timeout(10_000),
  }),
  config: { id, ...configDefaults },
  log: silentLogger,
});
await instance.start();
parentPort?.on('message', (ms: number) => {
  parentPort?.postMessage('busy');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
});
parentPort?.postMessage(instance.id);
