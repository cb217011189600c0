import { readFileSync } from 'node:fs';
import { homePaths } from '@bkg/sdk/host';
import { UsageError } from './command.ts';
import { homeFolder, isOwnGateway } from './mesh-address.ts';

/** The key that a command shows to a gateway, and what to say of it when that does not do. */
export interface KeyInUse {
  text?: string;
  /** Where it comes from, or would come from: `BKG_API_KEY` or a file. */
  from: string;
  /** Why there is none, although there could be. */
  problem?: string;
}

/**
 * BKG_API_KEY, else the admin key of BKG_HOME when the gateway is that of its mesh: no other one gets to see it, also not
 * one that happens to be on this machine.
 * @throws UsageError
 */
export function apiKeyFor(gateway: URL, env: NodeJS.ProcessEnv): KeyInUse {
  const given = env['BKG_API_KEY']?.trim();
  if (given) {
    // Never repeated: it is a secret, and a broken one is nearly one.
    if (!isSendable(given)) throw new UsageError('BKG_API_KEY has characters in it that no key has');
    return { text: given, from: 'BKG_API_KEY' };
  }
  const file = adminKeyFile(env);
  if (!isOwnGateway(gateway, env)) return { from: 'BKG_API_KEY' };
  try {
    const text = readFileSync(file, 'utf8').trim();
    if (isSendable(text)) return { text, from: file };
    return { from: file, problem: `${file} holds no key` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { from: file, problem: code === 'ENOENT' ? `there is no ${file}` : message };
  }
}

/** The key of who has started the mesh of BKG_HOME. */
export function adminKeyFile(env: NodeJS.ProcessEnv): string {
  return homePaths(homeFolder(env)).adminKeyFile;
}

/** The public part of a key, also of one whose secret is broken; undefined of what is no key of bkg. */
export function prefixOf(key: string): string | undefined {
  return /^bkg_(K[a-z2-7]{9})_/.exec(key)?.[1];
}

function isSendable(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
