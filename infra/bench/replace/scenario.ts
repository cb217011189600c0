import { setTimeout as delay } from 'node:timers/promises';
import type { Problem, Rollout } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { versions } from './folders.ts';
import type { Folders, PluginKind } from './folders.ts';
import { now } from '../clock.ts';
import type { LoadResult } from './load/ledger.ts';
import { OfferedLoad } from './load/offered-load.ts';
import type { HeardStatus, Mesh } from './mesh.ts';

export interface Plan extends PluginKind {
  perSecond: number;
  steadyMs: number;
  swaps: number;
  restarts: number;
}

/** An order to replace the instances, and its answer. Times are in ms since the epoch. */
export interface Order {
  verb: 'swap' | 'restart';
  version: string;
  orderedAt: number;
  answeredAt: number;
  /** The receipt. */
  rollout?: Rollout;
  /** Why there is none. */
  problem?: string;
}

export const phaseNames = ['steady', 'swaps', 'restarts'] as const;
export type PhaseName = (typeof phaseNames)[number];

export interface Phase {
  name: PhaseName;
  from: number;
  to: number;
}

/** All that was seen of one plugin under load. */
export interface Evidence {
  plan: Plan;
  load: LoadResult;
  /** By instance: lines of an invocation id and the time its handler began. */
  starts: ReadonlyMap<string, readonly string[]>;
  orders: readonly Order[];
  phases: readonly Phase[];
  statuses: readonly HeardStatus[];
}

/** Compilers and validators have their turn before it counts. */
const warmUpMs = 1_000;
/** What the last order has done is seen by what comes after it. */
const afterMs = 1_000;
const timeoutMs = 15_000;
/** The load of four seconds: beyond it a plugin does not pause, it is gone. */
const underWayMostSecs = 4;
/** So many failed orders in a row are not told better by more of them. */
const failuresMost = 3;

/** @throws Error when the plugin cannot be started or the load breaks off */
export async function observe(mesh: Mesh, folders: Folders, plan: Plan): Promise<Evidence> {
  const { id, perSecond } = plan;
  folders.addVersions(plan);
  await eventually(async () => (await mesh.plugin(id)).versions.length === versions.length);
  await must(mesh.order(id, 'start'), `start ${id}`);
  await using load = await OfferedLoad.start({
    httpPort: mesh.httpPort,
    busPort: mesh.busPort,
    apiKey: mesh.apiKey,
    plugin: id,
    perSecond,
    mostUnderWay: perSecond * underWayMostSecs,
    timeoutMs,
  });
  const phases: Phase[] = [];
  const orders: Order[] = [];
  const phase = async (name: PhaseName, act: () => Promise<unknown>): Promise<void> => {
    const from = now();
    await act();
    phases.push({ name, from, to: now() });
  };
  await delay(warmUpMs);
  await phase('steady', () => delay(plan.steadyMs));
  if (plan.swaps > 0) await phase('swaps', () => repeat(plan.swaps, () => swap(mesh, id), orders));
  if (plan.restarts > 0)
    await phase('restarts', () => repeat(plan.restarts, () => restart(mesh, id), orders));
  await delay(afterMs);
  const result = await load.stop();
  await must(mesh.order(id, 'stop'), `stop ${id}`);
  const statuses = mesh.statuses.filter((status) => status.id === id);
  return { plan, load: result, starts: folders.starts(id), orders, phases, statuses };
}

async function repeat(times: number, order: () => Promise<Order>, orders: Order[]): Promise<void> {
  let failures = 0;
  for (let i = 0; i < times && failures < failuresMost; i += 1) {
    const made = await order();
    orders.push(made);
    failures = made.problem === undefined ? 0 : failures + 1;
  }
}

async function swap(mesh: Mesh, id: string): Promise<Order> {
  const { version } = await mesh.plugin(id);
  const other = versions.find((one) => one !== version) ?? versions[0];
  return replace(mesh, id, 'swap', other, { version: other });
}

async function restart(mesh: Mesh, id: string): Promise<Order> {
  const { version } = await mesh.plugin(id);
  return replace(mesh, id, 'restart', version, {});
}

async function replace(
  mesh: Mesh,
  id: string,
  verb: Order['verb'],
  version: string,
  body: object,
): Promise<Order> {
  const orderedAt = now();
  const answer = await mesh.order(id, verb, { ...body, by: 'prove', why: `${verb} under load` });
  const order = { verb, version, orderedAt, answeredAt: now() };
  if (answer.status !== 200) {
    const { code, detail } = answer.body as Problem;
    return { ...order, problem: `answered ${answer.status} ${code}: ${detail}` };
  }
  const { rollout } = answer.body as { rollout?: Rollout };
  const isItsOwn = rollout?.verb === verb && Date.parse(rollout.started_at) >= Math.floor(orderedAt);
  return isItsOwn ? { ...order, rollout } : { ...order, problem: 'answered without a receipt' };
}

async function must(answer: ReturnType<Mesh['order']>, what: string): Promise<void> {
  const { status, body } = await answer;
  if (status !== 200) throw new Error(`The order to ${what} was answered ${status}: ${JSON.stringify(body)}`);
}
