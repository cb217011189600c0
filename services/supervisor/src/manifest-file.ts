import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from './error-code.ts';
import { readManifest } from './manifest.ts';
import type { ManifestReading } from './manifest.ts';

const mostBytes = 1024 * 1024;

export const manifestFile = (folder: string): string => path.join(folder, 'plugin.json');

/** Changes when a file does; undefined when there is none. */
export async function signatureOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, ctimeMs } = await stat(file);
    return `${ino} ${size} ${ctimeMs}`;
  } catch (error) {
    const code = codeOf(error) || 'unknown';
    // Any other failure is met again, and reported, by who reads the file.
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : code;
  }
}

/** Reads a plugin.json, whatever lies there. */
export async function readManifestFile(file: string): Promise<ManifestReading> {
  try {
    const stats = await stat(file);
    // Reading a named pipe would wait for somebody to write to it.
    if (!stats.isFile()) return { problem: 'plugin.json is no file' };
    const { size } = stats;
    if (size > mostBytes) return { problem: `plugin.json has ${size} bytes, at most ${mostBytes} are read` };
    return readManifest(await readFile(file, 'utf8'));
  } catch (error) {
    return { problem: `plugin.json cannot be read (${(error as Error).message})` };
  }
}
