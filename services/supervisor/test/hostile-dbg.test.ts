import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifest } from './mesh.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { delay } from '@bkg/sdk/host';
let quarter: Neighbourhood;
beforeAll(async () => {
  quarter = await Neighbourhood.create([manifest('loud', 'hostile.mjs', { config: { resources: { timeout_secs: 20, max_memory_mb: 200 } } })]);
});
afterAll(() => quarter?.[Symbol.asyncDispose]());
it('x', { timeout: 60_000 }, async () => {
  await quarter.mesh.order('start', 'loud');
  const line = `${'f'.repeat(999)}\n`;
  for (let i = 0; i < 5; i++) {
    const t0 = performance.now();
    const t = () => Math.round(performance.now() - t0);
    await quarter.client.invoke('loud', 'print', { text: line.repeat(1_000), times: 100 }, { timeoutMs: 20_000 });
    console.log('printed', t());
    await quarter.client.invoke('loud', 'print', { text: `end ${i}\n` });
    console.log('end', t());
    let found = false;
    for (let k = 0; k < 15 && !found; k++) { found = (await quarter.mesh.messages('loud', { lines: 5 })).includes(`end ${i}`); if (!found) await delay(200); }
    console.log('found', found, t(), (await quarter.mesh.messages('loud', { lines: 5 })).map((m) => m.slice(0, 100)), (await quarter.mesh.messages('loud', { level: 'warn', lines: 50 })), quarter.slowestLists.slice(0, 3));
  }
});
