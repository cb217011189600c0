import { readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeSeed } from './access/nkey.ts';
import { isRecord } from './protocol/is-record.ts';
import { isCoreInbox } from './protocol/subjects.ts';

/** What a client shows to the broker. */
export interface Credentials {
  user: string;
  password: string;
  /** Where it takes what JetStream answers, `_CORE.<identity>`, in the place of its own inbox. */
  core_inbox?: string;
  /** The certificates that the broker's has to come from. @default those that Node trusts */
  ca_file?: string;
  /** For who answers the broker's question who a client is. */
  callout?: CalloutCredentials;
  /** Of the account of the system, where connections are closed. */
  system?: Pick<Credentials, 'user' | 'password'>;
}

export interface CalloutCredentials {
  /** `SA…`, of the account that the broker names as `issuer` of `auth_callout`. */
  issuer_seed: string;
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
  const given = isRecord(value) ? value : {};
  const { user, password } = given;
  if (!isText(user) || !isText(password)) {
    throw new Error(`The credentials file ${file} is incomplete: ${wanted}.`);
  }
  const wrong = (member: string, form: string): Error =>
    new Error(`The credentials file ${file} has a wrong "${member}": it is ${form}, or left out.`);
  const { core_inbox, ca_file, callout, system } = given;
  if (core_inbox !== undefined && !(isText(core_inbox) && isCoreInbox(core_inbox)))
    throw wrong('core_inbox', '_CORE.<identity>, such as _CORE.gateway');
  if (ca_file !== undefined && !isText(ca_file))
    throw wrong('ca_file', 'the path of a file with certificates');
  if (callout !== undefined && !isCallout(callout))
    throw wrong('callout', '{"issuer_seed": "SA…"}, the seed of an account as nkeys write it');
  if (system !== undefined && !isSystem(system))
    throw wrong('system', '{"user": …, "password": …}, both texts');
  return {
    user,
    password,
    ...(core_inbox !== undefined && { core_inbox }),
    // Relative to where it stands: whoever reads it may be anywhere.
    ...(ca_file !== undefined && { ca_file: path.resolve(path.dirname(file), ca_file) }),
    ...(callout !== undefined && { callout: { issuer_seed: callout.issuer_seed } }),
    ...(system !== undefined && { system: { user: system.user, password: system.password } }),
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isCallout(value: unknown): value is CalloutCredentials {
  if (!isRecord(value) || !isText(value['issuer_seed'])) return false;
  try {
    decodeSeed(value['issuer_seed'], 'account');
    return true;
  } catch {
    // What is wrong with it is said by who asks.
    return false;
  }
}

function isSystem(value: unknown): value is Pick<Credentials, 'user' | 'password'> {
  return isRecord(value) && isText(value['user']) && isText(value['password']);
}
