import { BkgError, decodeJson, problemOfMsg, subjects } from '@bkg/sdk';
import type { Connection, RegistryEntry } from '@bkg/sdk';

export interface Asking {
  timeoutMs: number;
  signal: AbortSignal;
}

/** What the supervisor knows of every plugin. @throws Error, also what it answers with when it cannot */
export async function listPlugins(connection: Connection, asking: Asking): Promise<RegistryEntry[]> {
  return decodeJson(await ask(connection, subjects.registryList, asking)) as RegistryEntry[];
}

/** Has the supervisor drain every plugin, and start none any more. @throws as `listPlugins` does */
export async function drainPlugins(connection: Connection, asking: Asking): Promise<void> {
  await ask(connection, subjects.shutdown, asking);
}

async function ask(connection: Connection, subject: string, asking: Asking): Promise<Uint8Array> {
  const reply = await connection.request(subject, '', asking);
  const problem = problemOfMsg(reply);
  if (problem) throw BkgError.from(problem);
  return reply.data;
}
