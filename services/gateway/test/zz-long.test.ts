import { expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
it('long', async () => {
  await using mesh = await startMesh();
  const entry = entryOf('slow');
  entry.config.resources.timeout_secs = 200;
  await mesh.supervisor.put(entry);
  await eventually(() => mesh.app.catalog.get('slow'));
  await serve(mesh.peer, 'slow', 'echo', (msg) => setTimeout(() => msg.respond('"late"'), 80_000));
  const r = await fetch(`${mesh.url}/api/plugins/slow/invoke/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect([r.status, await r.text()]).toEqual([200, '"late"']);
}, 100_000);
