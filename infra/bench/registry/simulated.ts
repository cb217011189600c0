/** A simulated mesh in a process of its own, which takes orders over IPC. Options: `SimulatedProgram`. */
import { simulateMesh } from '@bkg/sdk/testing';
import type { Credentials, Status } from '@bkg/sdk';
import { now } from '../clock.ts';

export interface SimulatedProgram {
  url: string;
  credentials: Credentials;
  plugins: number;
  instances: number;
  heartbeatMs: number;
}

/** To be answered with `Answer`. */
export interface Order {
  order: number;
  /** Lets the first instance of a plugin take this status. */
  say?: { plugin: string; status: Status };
}

export interface Answer {
  order: number;
  /** ms since the epoch: right before the status was published. */
  at: number;
  /** Published so far, by all. */
  heartbeats: number;
  /** Between two heartbeats of an instance: the shortest that one has. */
  heartbeatMs: number;
}

const { url, credentials, ...size } = JSON.parse(process.argv[2] ?? '{}') as SimulatedProgram;
const mesh = await simulateMesh({ servers: [url], credentials, ...size });
process.on('message', ({ order, say }: Order) => {
  const at = now();
  if (say) mesh.instancesOf(say.plugin)[0]?.say(say.status);
  const heartbeatMs = Math.min(...mesh.instances.map((one) => one.heartbeatMs));
  const answer: Answer = { order, at, heartbeats: mesh.heartbeats, heartbeatMs };
  process.send?.(answer);
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: mesh.plugins });
