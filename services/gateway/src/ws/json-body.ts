import { BkgError, headerNames, isJsonContentType, parseJson } from '@bkg/sdk';
import type { Chunk } from '@bkg/sdk';
import type { FrameCall } from './frame.ts';

/**
 * The bytes of a message of a plugin, to be a part of a frame.
 * @param what the plugin has done with it, in an error: `answered with`
 * @throws BkgError INVALID_OUTPUT for what cannot be one
 */
export function jsonBody(
  { pluginId, capability }: FrameCall,
  { data, headers }: Chunk,
  what: string,
): Uint8Array {
  const contentType = headers?.get(headerNames.contentType) || undefined;
  const way = `POST /api/plugins/${pluginId}/invoke/${capability} hands it over as it is.`;
  if (contentType !== undefined && !isJsonContentType(contentType)) {
    const detail = `${capability} of ${pluginId} ${what} "${contentType.slice(0, 128)}", which is no JSON; ${way}`;
    throw new BkgError('INVALID_OUTPUT', detail);
  }
  try {
    parseJson(data);
  } catch (error) {
    const detail = `${capability} of ${pluginId} ${what} something that is no JSON (${(error as Error).message}); ${way}`;
    throw new BkgError('INVALID_OUTPUT', detail, { cause: error });
  }
  return data;
}
