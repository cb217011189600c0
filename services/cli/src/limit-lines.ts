import { measuredInstances, reachText, strengthText } from '@bkg/sdk/protocol';
import type { Enforcement, PluginInfo } from '@bkg/sdk/protocol';
import { amount } from './figures.ts';
import { printable } from './terminal.ts';

/** What a plugin may take and what it is kept from, each with what it takes now and what keeps it. */
export function limitLines(plugin: PluginInfo): string[] {
  const { config, isolation, instances, telemetry } = plugin;
  if (!isolation || (instances.length > 0 && instances.every(({ managed }) => !managed))) return [];
  const { memory, cpu, processes, user, files, network } = isolation;
  const { max_memory_mb: mb, max_cpu_percent: percent, max_processes: most } = config.resources;
  const count = measuredInstances(plugin, telemetry);
  const used = (value: number, limit: string): string => {
    if (count === 0) return `at most ${limit}${instances.length > 1 ? ' each' : ''}`;
    return `${amount(value)} of ${count > 1 ? `${count} x ` : ''}${limit}`;
  };
  const rows: [string, string, Enforcement][] = [
    ['memory', used(telemetry.memory_mb, `${mb} MB`), memory],
    ['CPU', used(telemetry.cpu_percent, `${percent} % of a core`), cpu],
    ['processes', `at most ${most}${instances.length > 1 ? ' each' : ''}`, processes],
    ['user', reachText('user', user), user],
    ['files', reachText('files', files), files],
    ['network', reachText('network', network), network],
  ];
  const widest = Math.max(...rows.map(([, value]) => value.length));
  return rows.map(([name, value, { strength, by, note }]) => {
    const means = strength === 'none' ? '' : ` by ${printable(by)}`;
    const words = `${printable(strengthText(strength))}${means}`;
    return `  ${name.padEnd(9)}  ${value.padEnd(widest)}  ${words}${note ? `: ${printable(note)}` : ''}`;
  });
}
