import {
  accessPlugin,
  configDefaults,
  createValidator,
  isForbiddenEnv,
  manifestSchema,
  parseNeeds,
  pluginIdProblem,
} from '@bkg/sdk';
import type { Manifest, PluginConfig } from '@bkg/sdk';

/** A manifest, or what is wrong with it, and with whose when that can be told. */
export type ManifestReading = { manifest: Manifest } | { problem: string; id?: string };

const validate = createValidator(manifestSchema);

/** Reads the text of a `plugin.json`. */
export function readManifest(text: string): ManifestReading {
  let value: unknown;
  try {
    // Editors of one system begin a file with a byte order mark.
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return { problem: `plugin.json is not JSON (${withoutQuote((error as Error).message)})` };
  }
  const id = (value as { id?: unknown } | null)?.id;
  if (typeof id !== 'string') return { problem: 'plugin.json has no "id", which must be a text' };
  const idProblem = pluginIdProblem(id);
  if (idProblem) return { problem: `plugin.json: ${idProblem}` };
  const errors = validate(value).map(({ path, message }) => `${path || 'it'} ${message}`);
  if (errors.length > 0) return { id, problem: `plugin.json: ${errors.join('; ')}` };
  const manifest = value as Manifest;
  const forbidden = Object.keys(manifest.config?.env ?? {}).filter(isForbiddenEnv);
  if (forbidden.length > 0) {
    return { id, problem: `plugin.json: config.env may not set ${forbidden.join(', ')}` };
  }
  if (parseNeeds(manifest.needs).some(({ plugin }) => plugin === accessPlugin)) {
    return {
      id,
      problem: `plugin.json: needs may not name ${accessPlugin}, which answers to bkg itself only`,
    };
  }
  return { manifest };
}

/** JSON.parse quotes what it cannot read, and what is next to it, which may be a secret. */
function withoutQuote(message: string): string {
  if (!message.endsWith('is not valid JSON')) return message;
  return /^Unexpected token .*?(?=, )/s.exec(message)?.[0] ?? 'it begins like none';
}

/** The configuration of a plugin that nobody has configured yet. */
export function firstConfig({ id, autostart, config = {} }: Manifest): PluginConfig {
  const { resources, limits, ...rest } = config;
  return {
    id,
    ...configDefaults,
    ...(autostart !== undefined && { autostart }),
    ...rest,
    resources: { ...configDefaults.resources, ...resources },
    limits: { ...configDefaults.limits, ...limits },
  };
}
