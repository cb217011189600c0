import type { PluginDefinition } from './define-plugin.ts';
import type { PayloadError } from './protocol/errors.ts';
import type { JsonSchema, PluginConfig } from './protocol/plugin.ts';
import { createValidator } from './validator.ts';

/** What of a plugin's settings does not fit their schema; a plugin without one takes any. */
export function settingsErrors(
  { settings: schema }: Pick<PluginDefinition, 'settings'>,
  settings: PluginConfig['settings'],
): PayloadError[] {
  return schema ? createValidator(schema as unknown as JsonSchema)(settings) : [];
}
