import type { PluginInfo } from '@bkg/sdk/protocol';
import { printable } from './terminal.ts';

/** The versions of a plugin, each with what it is, such as `1.1.0 (runs)`; also one that runs and lies here no more. */
export function versionTexts({ versions, instances }: PluginInfo): string[] {
  const running = new Set(
    instances.filter(({ status }) => status === 'running').map(({ version }) => version),
  );
  const elsewhere = [...running].filter((version) => !versions.includes(version));
  return [
    ...versions.map((version, at) => noted(version, running.has(version), at === 0)),
    ...elsewhere.map((version) => `${printable(version)} (runs, but does not lie here)`),
  ];
}

function noted(version: string, runs: boolean, isFirst: boolean): string {
  const note = runs ? ' (runs)' : isFirst ? ' (with the next start)' : '';
  return `${printable(version)}${note}`;
}
