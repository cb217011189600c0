import type { Enforcement, Isolation } from '@bkg/sdk/protocol';

/** Which limit a member of a configuration sets, by JSON pointer. */
const limitPaths: Partial<Record<string, 'memory' | 'cpu' | 'processes'>> = {
  '/resources/max_memory_mb': 'memory',
  '/resources/max_cpu_percent': 'cpu',
  '/resources/max_processes': 'processes',
};

/** What keeps the limit that a member sets; undefined when it sets none, or nobody tells. */
export function meansOfPath(isolation: Isolation | undefined, path: string): Enforcement | undefined {
  const limit = limitPaths[path];
  return limit && isolation?.[limit];
}
