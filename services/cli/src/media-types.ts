import path from 'node:path';
import { essenceOf, isContentType, isJsonContentType, jsonContentType } from '@bkg/sdk/protocol';
import { UsageError } from './command.ts';

/** By the end of a file's name. */
const byExtension: Readonly<Record<string, string>> = {
  '.json': jsonContentType,
  '.txt': 'text/plain; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.wav': 'audio/wav',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.zip': 'application/zip',
  '.bin': 'application/octet-stream',
  '.safetensors': 'application/octet-stream',
};

/** The content type of a payload: as it was said, by the name of its file, else JSON. @throws UsageError */
export function contentTypeOf(said: string | undefined, file: string | undefined): string {
  if (said === undefined) return byExtension[path.extname(file ?? '').toLowerCase()] ?? jsonContentType;
  if (isContentType(said)) return said;
  throw new UsageError(`--content-type is "${said}"; it takes one such as image/png`);
}

/** Whether a terminal can show it. */
export function isText(contentType: string): boolean {
  const essence = essenceOf(contentType);
  return essence.startsWith('text/') || isJsonContentType(essence) || /[/+](?:json|xml)$/.test(essence);
}
