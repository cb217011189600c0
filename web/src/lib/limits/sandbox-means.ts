import type { Isolation, PluginInfo, Sandbox } from '@bkg/sdk/protocol';

export const sandboxTexts: Record<Sandbox, { label: string; about: string }> = {
  off: { label: 'Off', about: 'It may read files and use the network as its user may.' },
  on: { label: 'On', about: 'No files but its own, no network but the broker, as far as this machine can.' },
  strict: { label: 'Strict', about: 'The same; where the machine cannot, it is not started.' },
};

/** What a sandbox consists of. */
export type SandboxMeans = Pick<Isolation, 'files' | 'network'>;

/**
 * What this machine can do of a sandbox, as seen at this plugin or else at another one; undefined while none has a
 * sandbox, because one that is off shows nothing of what could be.
 */
export function sandboxMeans(plugin: PluginInfo, others: readonly PluginInfo[]): SandboxMeans | undefined {
  return [plugin, ...others].find(({ config, isolation }) => isolation && config.sandbox !== 'off')
    ?.isolation;
}

/** Why `strict` would keep a plugin from starting here, a sentence each; empty when it can be had. */
export function strictProblems(means: SandboxMeans): string[] {
  const problems = [
    { what: 'keep it from files', by: means.files },
    { what: 'keep it from the network', by: means.network },
  ];
  return problems
    .filter(({ by }) => by.strength !== 'enforced')
    .map(({ what, by }) => `This machine cannot ${what}${by.note ? `: ${by.note}` : '.'}`);
}
