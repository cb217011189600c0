import { createValidator, schemaOf } from '@bkg/sdk';
import type { PluginTelemetry } from '@bkg/sdk';

const errorsOf = createValidator(schemaOf('PluginTelemetry'));

/** Undefined when it is no telemetry of that plugin: whoever answers may be anybody. */
export function readTelemetry(pluginId: string, value: unknown): PluginTelemetry | undefined {
  if (errorsOf(value).length > 0) return undefined;
  const telemetry = value as PluginTelemetry;
  return telemetry.plugin_id === pluginId ? telemetry : undefined;
}
