import type { EndVerdict, InstanceEnd, PluginInfo, Restarts } from '@bkg/sdk/protocol';

const verdictWords: Record<EndVerdict, string> = {
  crashed: 'crashed',
  out_of_memory: 'out of memory',
  not_started: 'could not be started',
  not_ready: 'not ready in time',
  silent: 'gave no sign of life',
  grace_over: 'did not stop in time',
  rejected: 'rejected',
};

/** A verdict in words; one that is not known here, as the mesh calls it. */
export function verdictText(verdict: EndVerdict): string {
  return verdictWords[verdict] ?? String(verdict).replaceAll('_', ' ');
}

type Failed = Pick<PluginInfo, 'status' | 'instances' | 'ends' | 'restarts'>;

/** The end that its present state comes from; undefined when it comes from none, or that is not known. */
export function presentEnd({ status, instances, ends, restarts }: Failed): InstanceEnd | undefined {
  const [last] = ends ?? [];
  if (!last || status === 'running' || status === 'stopped') return undefined;
  // Earlier ends are told for long; what failed last is counted, or stands among the instances.
  const isPresent = restarts !== undefined || instances.some(({ instance }) => instance === last.instance);
  return isPresent ? last : undefined;
}

/** The ends to list: what the receipt of the last rollout says of an instance that it rejected is not said twice. */
export function listedEnds({ ends = [], rollout }: Pick<PluginInfo, 'ends' | 'rollout'>): InstanceEnd[] {
  const told = new Set(rollout?.instances.map(({ instance }) => instance));
  return ends.filter(({ verdict, instance }) => verdict !== 'rejected' || !told.has(instance));
}

/** "out of memory", "crashed, 3 in a row", "crash loop": why it does not run; undefined when nothing is known. */
export function shortVerdict(plugin: Failed): string | undefined {
  const end = presentEnd(plugin);
  if (!end) return undefined;
  const words = verdictText(end.verdict);
  const { failures = 1, stays_down: staysDown } = plugin.restarts ?? {};
  if (failures === 1) return words;
  if (!staysDown) return `${words}, ${failures} in a row`;
  return end.verdict === 'crashed' ? 'crash loop' : `crash loop, ${words}`;
}

/** What became of a plugin that failed, in three parts, so that the one that counts down has its own place. */
export interface RestartText {
  before: string;
  /** Until it is started again; absent when it is not counted down. */
  seconds?: number;
  after: string;
}

/** @param now ms since the epoch; undefined when nobody can say what happens now */
export function restartText(
  { failures, next_at: nextAt, stays_down: staysDown }: Restarts,
  now: number | undefined,
): RestartText {
  const failed = failures > 1 ? `Failed ${failures} times in a row` : 'Failed once';
  if (staysDown) return { before: `${failed}; it stays down until you start it.`, after: '' };
  if (nextAt === undefined) return { before: `${failed} before.`, after: '' };
  if (now === undefined) return { before: `${failed}; it was to be started again.`, after: '' };
  const seconds = Math.ceil((Date.parse(nextAt) - now) / 1_000);
  if (!(seconds > 0)) return { before: `${failed}, starting again now.`, after: '' };
  return { before: `${failed}, starting again in`, seconds, after: 's.' };
}
