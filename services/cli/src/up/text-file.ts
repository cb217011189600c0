import { readFileSync } from 'node:fs';
import { writeWhole } from '@bkg/sdk/host';
import { explainFile } from '../failure.ts';

/** Of a file that holds secrets: only its owner reads it. */
export const secretMode = 0o600;

/** @throws Failure */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw explainFile(error, `Reading ${file}`);
  }
}

/** @returns undefined when there is none. @throws Failure */
export function readTextIfThere(file: string): string | undefined {
  try {
    return readText(file);
  } catch (error) {
    // Nothing to explain: it comes as it was.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Readers find the old text or the new one, never a part. @throws Failure */
export function writeText(file: string, text: string, mode: number): void {
  try {
    writeWhole(file, text, mode);
  } catch (error) {
    throw explainFile(error, `Writing ${file}`);
  }
}

/** As JSON that only we can read. @throws Failure */
export function writeSecret(file: string, value: object): void {
  writeText(file, `${JSON.stringify(value)}\n`, secretMode);
}
