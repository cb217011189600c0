import type { Msg } from '@nats-io/nats-core';
import { BkgError } from './protocol/errors.ts';

/** Nobody listens to the subject of a request. */
export class NoRespondersError extends BkgError {
  override name = 'NoRespondersError';

  constructor(subject: string) {
    super('PLUGIN_UNAVAILABLE', `Nobody answers ${subject}.`);
  }
}

/** The server's own word that no subscription takes the subject. */
export function isNoResponders(msg: Msg): boolean {
  return msg.data.length === 0 && msg.headers?.code === 503;
}

export function brokerAway(): BkgError {
  return new BkgError('PLUGIN_UNAVAILABLE', 'The broker is away; it is being tried again.');
}

export function unreadable(subject: string, fault: string): BkgError {
  return new BkgError(
    'INVALID_OUTPUT',
    `The reply to ${subject} has headers that cannot be read (${fault}): a header is one line of ASCII.`,
  );
}

export function closedMeanwhile(subject: string): BkgError {
  return new BkgError('CANCELLED', `The connection was closed before ${subject} was answered.`);
}

export function late(subject: string, timeoutMs: number): BkgError {
  return new BkgError('DEADLINE_EXCEEDED', `No answer on ${subject} within ${timeoutMs} ms.`);
}

export function forbidden(subject: string): BkgError {
  return new BkgError(
    'FORBIDDEN',
    `The broker does not let us publish ${subject}: a plugin names what it invokes in "needs" of its plugin.json, and an API key needs a scope for it.`,
  );
}

export function cancelled(subject: string): BkgError {
  return new BkgError('CANCELLED', `The request to ${subject} was cancelled.`);
}
