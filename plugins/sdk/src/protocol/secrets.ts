import type { PluginConfig } from './plugin.ts';
import type { ConfigRevision } from './rollout.ts';

/** What stands in the place of a value that nobody is shown. Given back in a change, it keeps the value that is there. */
export const secretMask = '********';

/** Whether nobody is shown the value of a variable of `env`: its name says so. */
export function isSecretEnv(name: string): boolean {
  return /SECRET|TOKEN|PASSWORD|PASSWD|KEY|CREDENTIAL|AUTH|PRIVATE/i.test(name);
}

/** A configuration as it may be shown; only the supervisor and the plugin's own process have more. */
export function shownConfig(config: PluginConfig): PluginConfig {
  // What lies in the broker may have been written by anybody.
  const env = Object.entries(Object(config.env) as PluginConfig['env']);
  if (!env.some(([name]) => isSecretEnv(name))) return config;
  const shown = env.map(([name, value]) => [name, isSecretEnv(name) ? secretMask : value] as const);
  return { ...config, env: Object.fromEntries(shown) };
}

/** The variables whose values are not shown and are others in the two revisions, of those that both have. */
export function changedSecrets(
  { secrets: before = {} }: Pick<ConfigRevision, 'secrets'>,
  { secrets: after = {} }: Pick<ConfigRevision, 'secrets'>,
): string[] {
  return Object.keys(after).filter((name) => Object.hasOwn(before, name) && before[name] !== after[name]);
}
