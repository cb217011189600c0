import type { PluginConfig } from './plugin.ts';
import type { ConfigRevision } from './rollout.ts';

/** What stands in the place of a value that nobody is shown. Given back in a change, it keeps the value that is there. */
export const secretMask = '********';

/**
 * What bkg gives out as secrets, by their looks: API keys, the secret part of one, sessions and tickets, what instances show
 * to the broker, seeds. Also when the end was cut off. Ten times the same character is chance in none of them.
 */
const secretLooks =
  /(bkg_K[a-z2-7]{9}_)[a-z2-7]+|bkgi_[\w.-]{8,}|(?!([a-z2-7])\2{9})[a-z2-7]{40,}|SA[A-Z2-7]{38,}/g;

/**
 * A text without secrets of bkg that somebody has put in a wrong place, such as the path of an address: what is quoted in an
 * error, written to a log or kept in the audit. The public part of a key stays.
 */
export function hideSecrets(text: string): string {
  return text.replaceAll(secretLooks, (_, ofKey: string | undefined) => `${ofKey ?? ''}${secretMask}`);
}

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
