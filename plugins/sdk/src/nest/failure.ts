import { inspect } from 'node:util';
import { BkgError, errorEntryOf, errorTable, PluginError } from '../protocol/errors.ts';
import type { DeclaredError, ErrorCode, PayloadError } from '../protocol/errors.ts';
import { errorCodePrefix } from '../protocol/names.ts';
import { payloadErrorsOf } from './payload-errors.ts';

export interface FailureOptions {
  pluginId: string;
  /** Of the capability. */
  declared?: Record<string, DeclaredError> | undefined;
}

/** The codes of the table for the statuses of Nest's HttpExceptions; any other below 500 is INVALID_PAYLOAD. */
const codeByStatus: Partial<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'CAPABILITY_NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'CONFLICT',
  410: 'CAPABILITY_NOT_FOUND',
  412: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  429: 'RATE_LIMITED',
  503: 'PLUGIN_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** Nest's words for a guard that says no. */
const forbidden = 'Forbidden resource';
/** And for what its default filter keeps to itself. */
const hidden = 'Internal server error';

/**
 * What an invocation fails with: a BkgError or a PluginError where the error was meant for the caller, otherwise the
 * error itself, of which the runtime tells nothing. What is no Error comes from an exception filter of the application.
 */
export function failureOf(error: unknown, options: FailureOptions): unknown {
  if (error instanceof BkgError || error instanceof PluginError) return error;
  // By their methods and not by their class: an application may have a copy of Nest of its own.
  const { getStatus, getResponse, getError } = Object(error) as Record<string, unknown>;
  if (typeof getStatus === 'function' && typeof getResponse === 'function') {
    const [status, response] = [getStatus.call(error) as number, getResponse.call(error) as unknown];
    return ofStatus(status, { ...wordsOf(response), ...options }) ?? error;
  }
  if (typeof getError === 'function') {
    const content: unknown = getError.call(error);
    return content instanceof Error ? failureOf(content, options) : ofContent(content, error, options);
  }
  return error instanceof Error ? error : ofContent(error, error, options);
}

interface Words {
  message: string;
  errors?: PayloadError[] | undefined;
}

/** Of an RpcException, or of what a filter throws: a text, or an object with a code, a status or a message. */
function ofContent(content: unknown, error: unknown, options: FailureOptions): unknown {
  const words = wordsOf(content);
  const { message, errors } = words;
  const { code, status, statusCode } = Object(content) as Record<string, unknown>;
  if (message === forbidden) return new BkgError('FORBIDDEN', forbidden);
  if (message === hidden && status === 'error') return new HiddenError();
  if (typeof code === 'string') return ofCode(code, words, options) ?? error;
  const number = [code, status, statusCode].find((one) => typeof one === 'number' && one >= 400 && one < 600);
  const known = typeof number === 'number' ? ofStatus(number, { ...words, ...options }) : undefined;
  if (known) return known;
  if (Array.isArray(content) && errors) return new BkgError('INVALID_PAYLOAD', message, { errors });
  if (message) return new BkgError('INTERNAL', message, { errors });
  return error instanceof Error ? error : new Error(`what was thrown has no message: ${inspect(error)}`);
}

/** A code of the table, or a declared one, with or without the plugin's prefix. */
function ofCode(
  code: string,
  { message, errors }: Words,
  { pluginId, declared }: FailureOptions,
): Error | undefined {
  const entry = errorEntryOf(code);
  if (entry) return new BkgError(code as ErrorCode, message || entry.title, { errors });
  const own = [code, errorCodePrefix(pluginId) + code].find(
    (one) => declared && Object.hasOwn(declared, one),
  );
  return own === undefined
    ? undefined
    : new PluginError(own, message || declared?.[own]?.description || own, { errors });
}

/** The declared error with this number when there is exactly one, else the table's; undefined for what tells nothing. */
function ofStatus(
  status: number,
  { message, errors, declared = {} }: Words & FailureOptions,
): Error | undefined {
  const [own, ...others] = Object.keys(declared).filter((code) => declared[code]?.number === status);
  if (own && others.length === 0)
    return new PluginError(own, message || declared[own]?.description || own, { errors });
  const isOfCaller = status >= 400 && status < 500;
  const code = codeByStatus[status] ?? (isOfCaller ? 'INVALID_PAYLOAD' : undefined);
  return code && new BkgError(code, message || errorTable[code].title, { errors });
}

/** `message` of Nest's responses is a text, or a list or map of complaints. */
function wordsOf(content: unknown): Words {
  if (typeof content === 'string') return { message: content };
  const { message, errors: listed } = Object(content) as Record<string, unknown>;
  const errors = payloadErrorsOf(Array.isArray(content) ? content : (listed ?? message));
  if (errors.length === 0) return { message: typeof message === 'string' ? message : '' };
  const list = errors.map(({ path, message: text }) => `${path} ${text}`.trim()).join('; ');
  return { message: typeof message === 'string' ? message : `The payload does not fit: ${list}.`, errors };
}

class HiddenError extends Error {
  override name = 'HiddenError';

  constructor() {
    super(
      'Nest keeps the error to itself, because this application has a copy of @nestjs/microservices that bkg has not found: call app.useGlobalFilters(new BkgExceptionFilter()) before any other filter.',
    );
  }
}
