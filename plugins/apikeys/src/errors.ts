import { PluginError } from '@bkg/sdk';
import type { DeclaredError, PayloadError } from '@bkg/sdk';

/** What the keeper of the keys refuses by itself; what does not fit a schema is INVALID_PAYLOAD, as for every plugin. */
export const keyErrors = {
  APIKEYS_NOT_FOUND: {
    number: 404,
    retryable: false,
    description: 'There is no such key or role.',
  },
  APIKEYS_CONFLICT: {
    number: 409,
    retryable: false,
    description:
      'It has changed meanwhile, was revoked, is built in, is in use, or there are too many; the message says which.',
  },
  APIKEYS_LAST_ADMIN: {
    number: 409,
    retryable: false,
    description: 'No key would be left that allows admin and does not expire.',
  },
  APIKEYS_INVALID: {
    number: 400,
    retryable: false,
    description: 'A scope, a role or a time that cannot be; the message says what can.',
  },
} as const satisfies Record<string, DeclaredError>;

export function notFound(text: string): PluginError {
  return new PluginError('APIKEYS_NOT_FOUND', text);
}

export function conflict(text: string): PluginError {
  return new PluginError('APIKEYS_CONFLICT', text);
}

export function lastAdmin(text: string): PluginError {
  return new PluginError('APIKEYS_LAST_ADMIN', text);
}

export function invalid(errors: PayloadError[]): PluginError {
  return new PluginError('APIKEYS_INVALID', errors.map(({ message }) => message).join(' '), { errors });
}
