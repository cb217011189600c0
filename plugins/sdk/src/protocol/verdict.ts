import type { EndVerdict, InstanceEnd, PluginInfo } from './plugin.ts';

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
