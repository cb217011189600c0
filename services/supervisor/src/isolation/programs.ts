import path from 'node:path';
import { isProgram } from '../program-file.ts';

const usual = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

/** The absolute path of a program of the system's. It is run with our rights, so nothing decides where it lies. */
export function findProgram(name: string): string | undefined {
  return usual.map((folder) => path.join(folder, name)).find((file) => isProgram(file, '/', ''));
}
