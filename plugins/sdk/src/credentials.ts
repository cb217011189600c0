import { readFileSync } from 'node:fs';

/** What a client shows to the broker. */
export interface Credentials {
  user: string;
  password: string;
}

/**
 * Reads `BKG_CREDENTIALS_FILE`: JSON with `user` and `password`, readable by its owner only.
 * @throws Error that names the file and what it must hold, never what it holds
 */
export function readCredentials(file: string): Credentials {
  const wanted = 'it must be JSON with the texts "user" and "password"';
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : `cannot be read (${(error as Error).message})`;
    throw new Error(`The credentials file ${file} ${why}: ${wanted}.`, { cause: error });
  }
  const { user, password } = (value ?? {}) as Record<string, unknown>;
  if (typeof user !== 'string' || typeof password !== 'string' || !user || !password) {
    throw new Error(`The credentials file ${file} is incomplete: ${wanted}.`);
  }
  return { user, password };
}
