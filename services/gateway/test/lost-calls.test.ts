import type { Msg } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { headerNames, subjects } from '@bkg/sdk';
import type { Connection, InflightQuery, Problem } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf, serve, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';
import { connectWs } from './ws-peer.ts';

/** Far beyond what a test may take: who waits for it has failed. */
const deadlineMs = 60_000;
/** 2 s until the question, its 250 ms, and as long again for a busy machine. */
const soonMs = 5_000;

let mesh: TestMesh;

beforeEach(async () => {
  mesh = await startMesh();
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** A plugin whose answers are lost while the broker is away, as those of the examples are. */
class Forgetful {
  readonly #peer: Connection;
  readonly #id: string;
  readonly #held = new Map<string, Msg>();

  constructor(peer: Connection, id: string) {
    this.#peer = peer;
    this.#id = id;
  }

  get holds(): number {
    return this.#held.size;
  }

  /** @param tellsInflight false is a plugin without the SDK */
  static async start(id: string, tellsInflight = true): Promise<Forgetful> {
    const plugin = new Forgetful(await mesh.nats.connect(id), id);
    await mesh.supervisor.put(entryOf(id));
    await eventually(() => mesh.app.catalog.get(id));
    if (tellsInflight) plugin.#tellInflight();
    await serve(plugin.#peer, id, 'echo', (msg) => {
      plugin.#held.set(msg.headers?.get(headerNames.invocationId) ?? '', msg);
    });
    return plugin;
  }

  answerAll(): void {
    for (const msg of this.#held.values()) if (this.#peer.connected) msg.respond('"here"');
    this.#held.clear();
  }

  #tellInflight(): void {
    this.#peer.subscribe(subjects.inflight(this.#id), {
      callback: (_, msg) => {
        const { invocation_ids } = msg.json<InflightQuery>();
        const held = invocation_ids.filter((id) => this.#held.has(id));
        msg.respond(JSON.stringify({ instance: `${this.#id}-1`, invocation_ids: held }));
      },
    });
  }
}

function invoke(id: string): Promise<Response> {
  return fetch(`${mesh.url}/api/plugins/${id}/invoke/echo`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json', 'bkg-timeout-ms': String(deadlineMs) },
  });
}

/** Takes the broker away, and brings it back after `meanwhile`. */
async function loseBroker(meanwhile: () => unknown = () => undefined): Promise<void> {
  await mesh.nats.kill();
  await eventually(() => !mesh.app.broker.connected);
  await meanwhile();
  await mesh.nats.restart();
  await eventually(() => mesh.app.broker.connected);
}

describe('an invocation during which the broker went away and came back', () => {
  it('ends soon when no instance holds it any more, over HTTP and over /ws', async () => {
    const plugin = await Forgetful.start('echo');
    await using peer = await connectWs(mesh);
    const overHttp = [invoke('echo'), invoke('echo')];
    peer.send({ op: 'invoke', id: 'c', plugin: 'echo', capability: 'echo', timeout_ms: deadlineMs });
    await eventually(() => plugin.holds === 3);
    await loseBroker(() => plugin.answerAll());
    const backAt = performance.now();
    const problems = await Promise.all(
      overHttp.map(async (response) => (await (await response).json()) as Problem),
    );
    await eventually(() => peer.of('error', 'c').length === 1);
    expect(performance.now() - backAt).toBeLessThan(soonMs);
    for (const problem of [...problems, peer.of('error', 'c')[0]?.problem])
      expect(problem).toMatchObject({ code: 'PLUGIN_CRASHED', status: 502, title: 'Plugin crashed' });
    expect(problems[0]?.detail).toBe(
      'The connection to the broker was lost while an invocation of echo was under way. It is back, and no instance holds the ' +
        'invocation: it was lost before it could run, or its answer was.',
    );
  });

  it('goes on when an instance still holds it, and gets its answer', async () => {
    const plugin = await Forgetful.start('echo');
    const other = await Forgetful.start('other');
    const [kept, lost] = [invoke('echo'), invoke('other')];
    await eventually(() => plugin.holds === 1 && other.holds === 1);
    await loseBroker(() => other.answerAll());
    expect((await lost).status).toBe(502);
    plugin.answerAll();
    expect(await (await kept).text()).toBe('"here"');
  });

  it('goes on when nobody says anything about it, unless it may be sent again', async () => {
    const plugin = await Forgetful.start('echo', false);
    const harmless = await Forgetful.start('harmless', false);
    const { capabilities, ...entry } = entryOf('harmless');
    const idempotent = capabilities.map((one) => ({ ...one, idempotent: true }));
    await mesh.supervisor.put({ ...entry, capabilities: idempotent });
    await eventually(() => mesh.app.catalog.get('harmless')?.capabilities[0]?.idempotent);
    const [kept, lost] = [invoke('echo'), invoke('harmless')];
    await eventually(() => plugin.holds === 1 && harmless.holds === 1);
    await loseBroker();
    expect((await lost).status).toBe(502);
    plugin.answerAll();
    expect(await (await kept).text()).toBe('"here"');
  });
});
