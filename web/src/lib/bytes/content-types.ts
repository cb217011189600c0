import { essenceOf, isContentType, isInRange } from '@bkg/sdk/protocol';

export type Showing = 'picture' | 'drawing' | 'audio' | 'video' | 'json' | 'text' | 'file';

const pictures = new Set(['png', 'jpeg', 'gif', 'webp', 'avif', 'bmp', 'x-icon', 'vnd.microsoft.icon']);

/** How bytes of a content type are shown. What a browser could run is never shown as what it is. */
export function showingOf(contentType: string): Showing {
  const essence = essenceOf(contentType);
  const [type = '', subtype = ''] = essence.split('/');
  if (essence === 'image/svg+xml') return 'drawing';
  if (type === 'image' && pictures.has(subtype)) return 'picture';
  if (type === 'audio') return 'audio';
  if (type === 'video') return 'video';
  if (subtype === 'json' || subtype.endsWith('+json')) return 'json';
  if (type === 'text' || ['xml', 'yaml', 'x-ndjson', 'ndjson'].includes(subtype) || subtype.endsWith('+xml'))
    return 'text';
  return 'file';
}

const extensions: Record<string, string> = {
  'image/jpeg': '.jpg',
  'image/svg+xml': '.svg',
  'audio/mpeg': '.mp3',
  'audio/wav': '.wav',
  'audio/x-wav': '.wav',
  'text/plain': '.txt',
  'application/x-ndjson': '.ndjson',
  'application/octet-stream': '.bin',
};

/** How the name of a file with this content ends; of a range as of what nobody knows. */
export function extensionOf(contentType: string): string {
  const essence = essenceOf(contentType);
  const known = extensions[essence];
  if (known) return known;
  const subtype = essence.split('/')[1] ?? '';
  return /^[a-z0-9]{1,8}$/.test(subtype) ? `.${subtype}` : '.bin';
}

/**
 * With what content type a file is sent to a capability that takes `range`: its own as the browser says it, else the only
 * one there is, else any bytes. Undefined when it fits none.
 */
export function typeOfFile(fileType: string, range: string): string | undefined {
  if (fileType !== '' && isContentType(fileType) && isInRange(fileType, range)) return fileType;
  // A browser knows types by the ends of names only: what it does not know may be what is wanted.
  if (fileType !== '' && fileType !== 'application/octet-stream') return undefined;
  if (isContentType(range)) return range;
  return isInRange('application/octet-stream', range) ? 'application/octet-stream' : undefined;
}
