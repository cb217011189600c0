import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { suite } from '../../src/conformance/index.ts';
import { startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { verdictsOn } from './broken-plugin.ts';
import { early, flaws } from './flaws.ts';
import { flowFlaws } from './flow-flaws.ts';
import { oneIn, onEvent, onReply } from './sabotages.ts';
import type { Json } from './sabotages.ts';
import type { Sabotage } from './saboteur.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
});
afterAll(() => server.stop());

async function isFound(_: string, id: string, sabotage: Sabotage): Promise<void> {
  expect(await verdictsOn(server, sabotage, id)).toMatchObject([{ case: id, verdict: 'broken' }]);
}

// At once: each waits most of the time.
describe('a plugin that', { concurrent: true, timeout: 60_000 }, () => {
  it.each(flaws.filter((flaw) => flaw !== early))('%s is found by the case "%s"', isFound);
});

describe('a plugin that', { timeout: 60_000 }, () => {
  it.each([early])('%s is found by the case "%s"', isFound);
});

describe('a plugin that', { concurrent: true, timeout: 240_000 }, () => {
  it('breaks none is found to keep to all', async () => {
    const results = await verdictsOn(server, {});
    expect(results.filter(({ verdict }) => verdict !== 'kept')).toEqual([]);
    expect(results).toHaveLength(suite.cases.length);
  });

  it('is told to beat more rarely than can be waited for is not tried', async () => {
    const rarely = onEvent('telemetry', (json) => oneIn(6, { ...json, every_ms: 7_200 }));
    const [result] = await verdictsOn(server, rarely, 'heartbeats');
    expect(result).toMatchObject({
      verdict: 'not tried',
      got: expect.stringContaining('beat every 7200 ms'),
    });
  });

  it('says more of itself than ADR-32 asks for is found to keep to it', async () => {
    const more = { metadata: null, data: { depth: 1 }, more: [7] };
    const talkative = onReply(/^\$SRV\./, (reply) => {
      const { endpoints, ...json } = JSON.parse(reply.body) as Json;
      const said = (endpoints as Json[] | undefined)?.map((one) => ({ ...more, ...one }));
      return [{ ...reply, body: JSON.stringify({ ...json, more: [7], ...(said && { endpoints: said }) }) }];
    });
    const cases = ['ping', 'info', 'stats', 'endpoints', 'statistics'];
    const results = await verdictsOn(server, talkative, ...cases);
    expect(results).toMatchObject(cases.map((one) => ({ case: one, verdict: 'kept' })));
  });

  it('breaks a rule is there for each case of the suite', () => {
    const found = new Set([...flaws, ...flowFlaws].map(([, id]) => id));
    expect(suite.cases.map(({ id }) => id).filter((id) => !found.has(id))).toEqual([]);
  });
});
