import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { createToken } from '@bkg/sdk';
import { createAccountSeed, decodeSeed } from '@bkg/sdk/access';
import { Failure } from '../failure.ts';
import { secretMode, writeSecret } from './text-file.ts';

/** The passwords of those whom our own nats-server knows itself, and what the answers for everybody else are signed with. */
export interface AccessSecrets {
  issuer_seed: string;
  supervisor: string;
  gateway: string;
  sys: string;
}

const wanted = 'it must be JSON with the texts "issuer_seed" (SA…), "supervisor", "gateway" and "sys"';

/**
 * `run/access.json`, made once and kept, so that plugins which outlive a `bkg up` find the next broker open to them.
 * @throws Failure; one that is there but broken is never replaced, because what still runs may hold what follows from it
 */
export function keptSecrets(file: string): AccessSecrets {
  if (!existsSync(file)) {
    const secrets = {
      issuer_seed: createAccountSeed(),
      supervisor: createToken(),
      gateway: createToken(),
      sys: createToken(),
    };
    writeSecret(file, secrets);
    return secrets;
  }
  try {
    const secrets = readSecrets(file);
    // A restored backup or a careless copy may be open to others.
    chmodSync(file, secretMode);
    return secrets;
  } catch (error) {
    const remedy = `restore it, or remove ${file}: then new ones are made and what still runs with the old ones is started again.`;
    throw new Failure((error as Error).message, remedy, { cause: error });
  }
}

/** @throws Error that names the file and what it must hold, never what it holds */
function readSecrets(file: string): AccessSecrets {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : `cannot be read (${(error as Error).message})`;
    throw new Error(`The file ${file} ${why}: ${wanted}.`, { cause: error });
  }
  const { issuer_seed, supervisor, gateway, sys } = (value ?? {}) as Record<string, unknown>;
  const isText = (given: unknown): given is string => typeof given === 'string' && given !== '';
  if (!isText(issuer_seed) || !isText(supervisor) || !isText(gateway) || !isText(sys))
    throw new Error(`The file ${file} is incomplete: ${wanted}.`);
  try {
    decodeSeed(issuer_seed, 'account');
  } catch (error) {
    throw new Error(`The "issuer_seed" in ${file} is none: ${wanted}.`, { cause: error });
  }
  return { issuer_seed, supervisor, gateway, sys };
}
