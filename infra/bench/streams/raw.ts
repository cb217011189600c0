import type { Connection } from '@bkg/sdk';

/** A connection of nats.js, with nothing of bkg between. */
type Nats = Connection['nats'];

export interface RawOrder {
  bytes: number;
  /** Where it is told that it is enough. */
  enough: string;
}

export const rawSubject = 'bench.raw';
/** nats.js takes whatever is published into memory: the server has to have seen so much before more is. */
const flushEveryBytes = 4 * 1_024 * 1_024;
/** Whoever has asked may be gone. */
const mostMs = 600_000;

/** Publishes to whoever asks messages of a size, as fast as the server takes them; nobody gives credit. */
export function publishRaw(nats: Nats): void {
  nats.subscribe(rawSubject, {
    callback: (error, msg) => {
      if (!error && msg.reply) void publish(nats, msg.reply, msg.json<RawOrder>());
    },
  });
}

async function publish(nats: Nats, subject: string, { bytes, enough }: RawOrder): Promise<void> {
  const data = new Uint8Array(bytes).fill(0x78);
  const between = Math.max(1, Math.floor(flushEveryBytes / Math.max(bytes, 4_096)));
  let until = performance.now() + mostMs;
  const subscription = nats.subscribe(enough, { callback: () => void (until = 0) });
  while (performance.now() < until) {
    for (let i = 0; i < between; i += 1) nats.publish(subject, data);
    await nats.flush();
  }
  subscription.unsubscribe();
  // The end of it.
  nats.publish(subject, new Uint8Array(0));
}
