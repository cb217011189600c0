import { BkgError, isCapabilityId, pluginIdProblem } from '@bkg/sdk';

/** What stands in a path becomes a part of a subject: nothing passes that could name another subject. */
export function assertPluginId(id: string): void {
  const why = pluginIdProblem(id);
  if (why) throw new BkgError('PLUGIN_NOT_FOUND', `There is no such plugin: ${why}`);
}

export function assertCapabilityId(capability: string): void {
  if (isCapabilityId(capability)) return;
  throw new BkgError(
    'CAPABILITY_NOT_FOUND',
    `"${capability.slice(0, 64)}" is no capability id: it takes parts of a-z, 0-9, "_" and "-" between dots, at most 64 characters.`,
  );
}
