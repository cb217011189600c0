import { BkgError } from '@bkg/sdk';
import { availableMemoryMb, memoryRefusal, memoryReserveMb } from './machine-memory.ts';
import type { Plugin } from '../plugin.ts';

/**
 * Refuses what the machine has no memory for, judged by what the plugin's instances take now.
 * @param instances how many more there will be
 * @param purpose what they are for, as in "to …"
 * @throws BkgError CONFLICT
 */
export function refuseWithoutMemory(plugin: Plugin, instances: number, purpose: string): void {
  if (instances <= 0) return;
  const taken = plugin.ready.map((one) => one.sampleUsage().memory_mb);
  const refusal = memoryRefusal({
    plugin: plugin.id,
    instances,
    perInstanceMb: Math.max(0, ...taken) || undefined,
    availableMb: availableMemoryMb(),
    reserveMb: memoryReserveMb(),
  });
  if (refusal) throw new BkgError('CONFLICT', `To ${purpose} takes more memory than there is. ${refusal}`);
}
