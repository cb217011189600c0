import type { Msg, Subscription } from '@nats-io/nats-core';
import { invokeQueue, subjects } from '@bkg/sdk';
import type { Problem, Status, StatusEvent } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { entryOf } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

/** So long that nothing but events lets an invocation go on, within the time of a test. */
export const never = 60_000;

type Changes = Parameters<typeof entryOf>[2];

/** What the registry says of a plugin that owns files, at once. */
export async function told(mesh: TestMesh, id: string, status: Status, changes: Changes = {}): Promise<void> {
  const observed_at = new Date().toISOString();
  await mesh.supervisor.put(entryOf(id, status, { single_writer: true, observed_at, ...changes }));
  await eventually(() => {
    const entry = mesh.app.catalog.get(id);
    return entry?.status === status && entry.observed_at === observed_at;
  });
}

/** Publishes a status event; of an instance that runs, unless told otherwise. */
export function announce(mesh: TestMesh, id: string, changes: Partial<StatusEvent> = {}): void {
  const event: StatusEvent = {
    id,
    instance: `${id}-2`,
    status: 'running',
    version: '1.0.0',
    started_at: new Date().toISOString(),
    ...changes,
  };
  mesh.peer.publish(subjects.event(id, event.instance, 'status'), JSON.stringify(event));
}

/** An instance that answers with what it was given. */
export class Taker {
  /** In their order. */
  readonly got: Msg[] = [];
  readonly #mesh: TestMesh;
  readonly #subscription: Subscription;

  /** @param most after this many it is gone, without a word */
  constructor(mesh: TestMesh, id: string, { capability = '>', most = 0 } = {}) {
    this.#mesh = mesh;
    this.#subscription = mesh.peer.subscribe(subjects.invokeCapability(id, capability), {
      queue: invokeQueue,
      callback: (_error, msg) => {
        this.got.push(msg);
        msg.respond(msg.data);
      },
    });
    if (most > 0) this.#subscription.unsubscribe(most);
  }

  /** Says that it runs when the broker knows it. */
  static async start(
    mesh: TestMesh,
    id: string,
    options: { capability?: string; most?: number } = {},
  ): Promise<Taker> {
    const taker = new Taker(mesh, id, options);
    await mesh.peer.nats.flush();
    announce(mesh, id);
    return taker;
  }

  get payloads(): unknown[] {
    return this.got.map((msg) => msg.json());
  }

  async end(): Promise<void> {
    this.#subscription.unsubscribe();
    await this.#mesh.peer.nats.flush();
  }
}

interface Invoked {
  status: number;
  text: string;
  problem: Problem;
  ms: number;
}

/** Over HTTP. */
export async function invoke(
  mesh: TestMesh,
  id: string,
  {
    timeoutMs = 30_000,
    body = '{}',
    signal,
  }: { timeoutMs?: number; body?: string; signal?: AbortSignal } = {},
): Promise<Invoked> {
  const startedAt = performance.now();
  const response = await fetch(`${mesh.url}/api/plugins/${id}/invoke/echo`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', 'bkg-timeout-ms': String(timeoutMs) },
    ...(signal && { signal }),
  });
  const text = await response.text();
  const problem = (response.ok ? {} : JSON.parse(text)) as Problem;
  return { status: response.status, text, problem, ms: performance.now() - startedAt };
}
