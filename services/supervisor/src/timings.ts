import { heartbeatMostMs } from '@bkg/sdk';
import { missedHeartbeats } from './patience.ts';

/** Every delay of the supervisor, so that tests run with short ones. */
export interface Timings {
  /** Between two looks at the plugin folders. @default 500 */
  scanEveryMs: number;
  /** How long nothing in a folder may have changed before it counts, and how long it is gone before that counts. @default 500 */
  settleMs: number;
  /** How long a folder may be written to before that is shown as what is wrong with it. @default 10000 */
  patienceMs: number;
  /** Until an instance must be ready, unless its manifest says otherwise. @default 30000 */
  startTimeoutMs: number;
  /** Between two questions to a starting instance that publishes no events. @default 500 */
  probeEveryMs: number;
  /** From SIGTERM to SIGKILL. @default 10000 */
  graceMs: number;
  /**
   * How long nothing may be heard of an instance, or nothing but that it has failed, before it is killed and started
   * again; or as long as its invocations may take, when that is longer. @default 10000
   */
  uselessLeastMs: number;
  /** Between two heartbeats of an instance, in a mesh that is not large. @default 2000 */
  heartbeatMs: number;
  /** Between two looks at how often instances beat. @default 2000 */
  paceEveryMs: number;
  /** Between two questions who is there, at most, jittered by a tenth. @default 60000 */
  pingEveryMs: number;
  /** The same while few answer. @default 3000 */
  pingLeastMs: number;
  /** Between two questions to an instance without events, at most, jittered by a tenth. @default 10000 */
  pollEveryMs: number;
  /** The same while there are few. @default 2500 */
  pollLeastMs: number;
  /** How long an answer to a question on the bus may take. @default 1000 */
  answerMs: number;
  /** How long nothing may be heard of an instance of our own before it is asked, however rare its heartbeats are. @default 4000 */
  quietMs: number;
  /** How long its answer may take: its event loop may be busy. @default 3500 */
  quietAnswerMs: number;
  /** How long a plugin that nobody manages is shown after its last instance has gone. @default 300000 */
  forgetAfterMs: number;
  /** Between two looks at captured output. @default 100 */
  tailEveryMs: number;
  /** Between two looks at a process that an earlier supervisor started. @default 250 */
  watchEveryMs: number;
  /** Between two writes of one plugin's registry entry. @default 1000 */
  registryEveryMs: number;
  /** Between two looks at how full the disk is. @default 10000 */
  diskEveryMs: number;
  /** Until the first cleaning of the registry's bucket. @default 3.4 times the longest time between two heartbeats */
  tidyFirstMs: number;
  /** Between two cleanings of the registry's bucket. @default 3600000 */
  tidyEveryMs: number;
  /** The life of a lease that is not renewed. @default 10000 */
  leaseTtlMs: number;
  /** Between two renewals. @default 3000 */
  leaseEveryMs: number;
  /** The age of the last renewal from which on nothing is done any more. @default 7000 */
  fenceMs: number;
  /** The wait after a first failure; doubled after each further one in a row. @default 500 */
  restartFirstMs: number;
  /** @default 30000 */
  restartMostMs: number;
  /** Who ran this long has shown that it can: its next failure is the first in a row again. @default 60000 */
  steadyMs: number;
  /** How long the answer to a control request waits for the wanted state. @default 60000 */
  controlWaitMs: number;
  /** How long a self-test may take, if an invocation may. @default 30000 */
  selfTestMs: number;
  /** How long an instance may take to say what it can do, or to be let in. @default 5000 */
  admitMs: number;
  /** How long an instance may take to take over a configuration. @default 15000 */
  configureMs: number;
  /** How long it is tried to write back what a rollout that failed has written. @default 300000 */
  takeBackMs: number;
  /** Until the answer to a shutdown. @default 12000 */
  shutdownMs: number;
}

export const defaultTimings: Timings = {
  scanEveryMs: 500,
  settleMs: 500,
  patienceMs: 10_000,
  startTimeoutMs: 30_000,
  probeEveryMs: 500,
  graceMs: 10_000,
  uselessLeastMs: 10_000,
  heartbeatMs: 2_000,
  paceEveryMs: 2_000,
  pingEveryMs: 60_000,
  pingLeastMs: 3_000,
  pollEveryMs: 10_000,
  pollLeastMs: 2_500,
  answerMs: 1_000,
  quietMs: 4_000,
  quietAnswerMs: 3_500,
  forgetAfterMs: 300_000,
  tailEveryMs: 100,
  watchEveryMs: 250,
  registryEveryMs: 1_000,
  diskEveryMs: 10_000,
  tidyFirstMs: heartbeatMostMs * missedHeartbeats,
  tidyEveryMs: 3_600_000,
  leaseTtlMs: 10_000,
  leaseEveryMs: 3_000,
  fenceMs: 7_000,
  restartFirstMs: 500,
  restartMostMs: 30_000,
  steadyMs: 60_000,
  controlWaitMs: 60_000,
  selfTestMs: 30_000,
  admitMs: 5_000,
  configureMs: 15_000,
  takeBackMs: 300_000,
  shutdownMs: 12_000,
};
