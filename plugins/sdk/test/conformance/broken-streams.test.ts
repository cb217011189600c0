import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { verdictsOn } from './broken-plugin.ts';
import { flowFlaws } from './flow-flaws.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
});
afterAll(() => server.stop());

// At once: each waits most of the time.
describe('a plugin that', { concurrent: true, timeout: 120_000 }, () => {
  it.each(flowFlaws)('%s is found by the case "%s"', async (_, id, sabotage) => {
    expect(await verdictsOn(server, sabotage, id)).toMatchObject([{ case: id, verdict: 'broken' }]);
  });
});
