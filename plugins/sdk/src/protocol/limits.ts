import type { Enforcement, EnforcementStrength, Isolation, PluginInfo } from './plugin.ts';
import type { PluginTelemetry } from './telemetry.ts';

const strengthWords: Record<EnforcementStrength, string> = {
  enforced: 'enforced',
  late: 'noticed late',
  none: 'not enforced',
};

/** How strong a limit is, in words; one that is not known here, as the mesh calls it. */
export function strengthText(strength: EnforcementStrength): string {
  return strengthWords[strength] ?? String(strength);
}

/** What is kept from others, in words. */
const reaches = {
  user: { kept: 'its own', open: 'that of bkg' },
  files: { kept: 'only its own', open: 'as its user may' },
  network: { kept: 'only the broker', open: 'unrestricted' },
} as const satisfies Partial<Record<keyof Isolation, unknown>>;

/** Which user a plugin runs under, which files it sees and whom it connects to: the value beside that name. */
export function reachText(what: keyof typeof reaches, { strength }: Pick<Enforcement, 'strength'>): string {
  return strength === 'none' ? reaches[what].open : reaches[what].kept;
}

/** How many limits the measured sum falls under; 0 when it cannot be told, or nothing is measured. */
export function measuredInstances(
  { instances }: Pick<PluginInfo, 'instances'>,
  { instances: count, memory_mb: mb }: Pick<PluginTelemetry, 'instances' | 'memory_mb'>,
): number {
  // What somebody else has started is in the sum, and nobody limits it. No process runs in 0 MB.
  const runs = instances.some(({ status }) => status === 'running');
  return runs && mb > 0 && instances.every(({ managed }) => managed) ? count : 0;
}
