import { chmodSync, existsSync } from 'node:fs';
import { createToken, readCredentials } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import { writeWhole } from '@bkg/sdk/host';
import { explainFile, Failure } from '../failure.ts';

const secretMode = 0o600;

/**
 * The user and password of our own nats-server, made once and kept, so that plugins which outlive a `bkg up` find the
 * next broker open to them.
 * @throws Failure; one that is there but broken is never replaced, because what still runs may hold it
 */
export function keptCredentials(file: string): Credentials {
  if (!existsSync(file)) {
    const credentials = { user: 'bkg', password: createToken() };
    writeCredentials(file, credentials);
    return credentials;
  }
  try {
    const credentials = readCredentials(file);
    // A restored backup or a careless copy may be open to others.
    chmodSync(file, secretMode);
    return credentials;
  } catch (error) {
    const remedy = `restore it, or remove ${file}: then new ones are made and what still runs with the old ones is started again.`;
    throw new Failure((error as Error).message, remedy, { cause: error });
  }
}

/** @throws Failure */
export function writeCredentials(file: string, { user, password }: Credentials): void {
  try {
    writeWhole(file, `${JSON.stringify({ user, password })}\n`, secretMode);
  } catch (error) {
    throw explainFile(error, `Writing ${file}`);
  }
}
