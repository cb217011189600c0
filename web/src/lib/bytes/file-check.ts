import { uploadMostMbDefault, type PluginCapability, type PluginConfig } from '@bkg/sdk/protocol';
import { escapeLine } from '../control-characters.ts';
import { formatBytes } from '../format.ts';
import { typeOfFile } from './content-types.ts';

const bytesOfMb = 1_048_576;

/** What a capability takes at most, a sentence. One that takes no uploads takes what fits into a message, whose size a page does not know. */
export function sizeHint({ upload }: PluginCapability, config: PluginConfig): string {
  return upload
    ? `At most ${formatBytes(mostBytes(config))}.`
    : 'It has to fit into one message of the broker, about 1 MB.';
}

/** Why a file would not be taken, a sentence; undefined when it would be, as far as the page can tell. */
export function whyNotSent(
  file: File | undefined,
  { input_type: range = '*/*', upload }: PluginCapability,
  config: PluginConfig,
): string | undefined {
  if (!file) return 'Not sent: no file is chosen.';
  if (typeOfFile(file.type, range) === undefined)
    return `Not sent: this is ${file.type || 'a file of no known type'}, and ${range} is taken.`;
  if (upload && file.size > mostBytes(config))
    return `Not sent: ${formatBytes(file.size)} is more than ${formatBytes(mostBytes(config))}.`;
  return undefined;
}

/** Whether a chosen file can still be read: the browser gives it as it was when it was chosen, or not at all. */
export async function isAsChosen(file: File): Promise<boolean> {
  try {
    const start = await file.slice(0, 1).arrayBuffer();
    return start.byteLength === Math.min(1, file.size);
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

/** What is said when it is not. */
export function whyNotAsChosen({ name }: File): string {
  return `Not sent: ${escapeLine(name)} has changed since it was chosen, or is gone. Choose it again.`;
}

function mostBytes({ limits }: PluginConfig): number {
  return (limits.max_upload_mb ?? uploadMostMbDefault) * bytesOfMb;
}
