import { codeOf } from './error-code.ts';

/** What a machine runs out of; it passes when somebody makes room, and no plugin is to blame. */
const shortages = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ETIMEDOUT']);

/** Whether something failed because the machine has run out of space, files, memory or processes. */
export function isShortage(error: unknown): boolean {
  return shortages.has(codeOf(error));
}
