import type { Credentials } from '@bkg/sdk';
import { writeWhole } from '@bkg/sdk/host';
import { explainFile } from '../failure.ts';

export const secretMode = 0o600;

/** @throws Failure */
export function writeCredentials(file: string, credentials: Credentials): void {
  writeSecret(file, credentials);
}

/** As JSON that only we can read. @throws Failure */
export function writeSecret(file: string, value: object): void {
  try {
    writeWhole(file, `${JSON.stringify(value)}\n`, secretMode);
  } catch (error) {
    throw explainFile(error, `Writing ${file}`);
  }
}
