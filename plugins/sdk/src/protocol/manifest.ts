import type { Grant } from './permissions.ts';
import type { PluginConfig } from './plugin.ts';

/** The part of a configuration that a manifest may preset and an operator may change. */
export interface ConfigPatch {
  enabled?: boolean;
  autostart?: boolean;
  replicas?: number;
  env?: Record<string, string>;
  settings?: Record<string, unknown>;
  sandbox?: PluginConfig['sandbox'];
  resources?: Partial<PluginConfig['resources']>;
  limits?: Partial<PluginConfig['limits']>;
}

/** `plugin.json` beside a plugin's code: how to run it. What it can do it says itself, by discovery. */
export interface Manifest {
  id: string;
  version: string;
  name?: string;
  description?: string;
  author?: string;
  /** Program and arguments, run in the plugin's folder; `node` is the project's Node. */
  command: string[];
  autostart?: boolean;
  /** It owns files: it has one instance at most, and the old one ends before a new one starts. @default false */
  single_writer?: boolean;
  /** A first invocation that must succeed when a new version takes over. */
  self_test?: { capability: string; payload: unknown };
  start_timeout_secs?: number;
  /** What it invokes of others: `<plugin id>:<capability pattern>`; the broker lets nothing else through. @default none */
  needs?: string[];
  config?: ConfigPatch;
}

/** Variables of the environment that would change which code a plugin runs; no configuration may set them. */
export const forbiddenEnvPattern =
  /^(NODE_OPTIONS|NODE_PATH|PATH|LD_.*|DYLD_.*|PYTHON.*|BASH.*|SHELLOPTS|PS4|OPENSSL_CONF|NODE_COMPILE_CACHE|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|BKG_.*)$/;

export function isForbiddenEnv(name: string): boolean {
  return forbiddenEnvPattern.test(name);
}

/** One entry of `needs`; a capability pattern is one capability, `*`, or the first parts of one with `.*`. */
export const needPattern = /^[a-z0-9][a-z0-9_-]{0,62}:(?:\*|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?:\.\*)?)$/;

/** Takes the entries of `needs` apart. */
export function parseNeeds(needs: readonly string[] = []): Grant[] {
  return needs.map((need) => {
    const [plugin = '', capability = ''] = need.split(':');
    return { plugin, capability };
  });
}
