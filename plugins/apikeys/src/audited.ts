import { BkgError, PluginError } from '@bkg/sdk';
import type { Actor, AuditWriter } from '@bkg/sdk/access';

export interface Act<T> {
  actor: Actor;
  /** Of who was not known before it was done. */
  whoOf?: (done: T) => string | undefined;
  /** `key.create`, … */
  action: string;
  /** A key's prefix, a role; for what is known after it was done only, what that says. */
  target: string | ((done: T) => string);
  /** For people. */
  detail?: string;
  /** An error code for what was refused without being an error. */
  resultOf?: (done: T) => string;
}

/** Does something and writes to the audit that it was done, or why it was refused. */
export async function audited<T>(
  audit: Pick<AuditWriter, 'write'>,
  { actor, whoOf = () => undefined, action, target, detail, resultOf = () => 'ok' }: Act<T>,
  work: () => Promise<T>,
): Promise<T> {
  const write = (on: string, result: string, more: string | undefined, who = actor.who): void =>
    audit.write({ ...actor, who, action, target: on, result, ...(more !== undefined && { detail: more }) });
  try {
    const done = await work();
    write(typeof target === 'string' ? target : target(done), resultOf(done), detail, whoOf(done));
    return done;
  } catch (error) {
    // What nobody foresaw may say more than the audit should.
    const isKnown = error instanceof BkgError || error instanceof PluginError;
    const why = isKnown ? error.message : undefined;
    write(typeof target === 'string' ? target : '', isKnown ? error.code : 'INTERNAL', why ?? detail);
    throw error;
  }
}
