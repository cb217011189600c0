import type { Enforcement, EnforcementStrength, PluginInfo } from '@bkg/sdk/protocol';
import { amount } from './figures.ts';
import { printable } from './terminal.ts';

const strengthWords: Record<EnforcementStrength, string> = {
  enforced: 'enforced',
  late: 'noticed late',
  none: 'not enforced',
};

/** What a plugin may take and what it is kept from, each with what it takes now and what keeps it. */
export function limitLines({ config, isolation, instances, telemetry }: PluginInfo): string[] {
  if (!isolation || (instances.length > 0 && instances.every(({ managed }) => !managed))) return [];
  const { memory, cpu, processes, user, files, network } = isolation;
  const { max_memory_mb: mb, max_cpu_percent: percent, max_processes: most } = config.resources;
  // What somebody else has started is in the sum, and nobody limits it. No process runs in 0 MB.
  const isMeasured = telemetry.memory_mb > 0 && instances.every(({ managed }) => managed);
  const count = isMeasured ? telemetry.instances : 0;
  const used = (value: number, limit: string): string => {
    if (count === 0) return `at most ${limit}${instances.length > 1 ? ' each' : ''}`;
    return `${amount(value)} of ${count > 1 ? `${count} x ` : ''}${limit}`;
  };
  const rows: [string, string, Enforcement][] = [
    ['memory', used(telemetry.memory_mb, `${mb} MB`), memory],
    ['CPU', used(telemetry.cpu_percent, `${percent} % of a core`), cpu],
    ['processes', `at most ${most}${instances.length > 1 ? ' each' : ''}`, processes],
    ['user', user.strength === 'none' ? 'that of bkg' : 'of its own', user],
    ['files', files.strength === 'none' ? 'those of its user' : 'its own', files],
    ['network', network.strength === 'none' ? 'all of it' : 'the broker', network],
  ];
  const widest = Math.max(...rows.map(([, value]) => value.length));
  return rows.map(([name, value, { strength, by, note }]) => {
    const means = strength === 'none' ? '' : ` by ${printable(by)}`;
    const words = `${strengthWords[strength] ?? printable(String(strength))}${means}`;
    return `  ${name.padEnd(9)}  ${value.padEnd(widest)}  ${words}${note ? `: ${printable(note)}` : ''}`;
  });
}
