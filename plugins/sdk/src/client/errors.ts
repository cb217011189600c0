import { BkgError, errorEntryOf, isProblem, problemOfCode } from '../protocol/errors.ts';
import type { ErrorCode, ErrorEntry, Problem } from '../protocol/errors.ts';

export interface InvocationErrorOptions extends ErrorOptions {
  invocationId?: string | undefined;
  /** How long its sender says to wait, in whole seconds. */
  retryAfterSecs?: number;
}

/** Why an invocation failed. There is a class for each code of the error table, and one for what plugins declare. */
export class InvocationError extends BkgError {
  override name = 'InvocationError';
  /** Logs of the plugin show its first 8 characters. */
  readonly invocationId: string | undefined;

  constructor(problem: Problem, { invocationId, ...options }: InvocationErrorOptions = {}) {
    super('INTERNAL', problem.detail, options);
    Object.assign(this.problem, BkgError.from(problem).problem);
    this.invocationId = invocationId;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.problem.retryable;
  }

  /** Whether the handler may have run. */
  get executed(): ErrorEntry['executed'] {
    return errorEntryOf(this.code)?.executed ?? 'maybe';
  }
}

// The names are literal types: otherwise all classes would have the same shape, and `instanceof` would not tell them apart.
export class InvalidPayloadError extends InvocationError {
  override readonly name = 'InvalidPayloadError';
}
export class UnauthenticatedError extends InvocationError {
  override readonly name = 'UnauthenticatedError';
}
export class ForbiddenError extends InvocationError {
  override readonly name = 'ForbiddenError';
}
export class PluginNotFoundError extends InvocationError {
  override readonly name = 'PluginNotFoundError';
}
export class CapabilityNotFoundError extends InvocationError {
  override readonly name = 'CapabilityNotFoundError';
}
export class ConflictError extends InvocationError {
  override readonly name = 'ConflictError';
}
export class PayloadTooLargeError extends InvocationError {
  override readonly name = 'PayloadTooLargeError';
}
export class RateLimitedError extends InvocationError {
  override readonly name = 'RateLimitedError';
}
export class BusyError extends InvocationError {
  override readonly name = 'BusyError';
}
export class CancelledError extends InvocationError {
  override readonly name = 'CancelledError';
}
export class InternalError extends InvocationError {
  override readonly name = 'InternalError';
}
export class InvalidOutputError extends InvocationError {
  override readonly name = 'InvalidOutputError';
}
export class PluginCrashedError extends InvocationError {
  override readonly name: 'PluginCrashedError' | 'ConnectionLostError' = 'PluginCrashedError';
}
export class PluginUnavailableError extends InvocationError {
  override readonly name: 'PluginUnavailableError' | 'OfflineError' = 'PluginUnavailableError';
}
export class DeadlineExceededError extends InvocationError {
  override readonly name = 'DeadlineExceededError';
}
export class PluginOutOfMemoryError extends InvocationError {
  override readonly name = 'PluginOutOfMemoryError';
}

/** A failure with a code of the plugin's own, from `errors` of its capability. */
export class DeclaredPluginError extends InvocationError {
  override readonly name = 'DeclaredPluginError';
}

/**
 * The way to the plugin broke while the invocation was under way: whether it has run, nobody can say. It has the code of
 * a crash, because it means the same to a caller.
 */
export class ConnectionLostError extends PluginCrashedError {
  override readonly name = 'ConnectionLostError';

  constructor(detail: string) {
    super(problemOfCode('PLUGIN_CRASHED', detail, 'Connection lost'));
  }
}

/** There is no connection to the gateway: nothing was sent. The connection is being tried for, the invocation is not. */
export class OfflineError extends PluginUnavailableError {
  override readonly name = 'OfflineError';

  constructor(detail: string) {
    super(problemOfCode('PLUGIN_UNAVAILABLE', detail, 'Offline'));
  }
}

/** The class of each code. A code of the table without a class does not compile. */
export const errorClasses = {
  INVALID_PAYLOAD: InvalidPayloadError,
  UNAUTHENTICATED: UnauthenticatedError,
  FORBIDDEN: ForbiddenError,
  PLUGIN_NOT_FOUND: PluginNotFoundError,
  CAPABILITY_NOT_FOUND: CapabilityNotFoundError,
  CONFLICT: ConflictError,
  PAYLOAD_TOO_LARGE: PayloadTooLargeError,
  RATE_LIMITED: RateLimitedError,
  BUSY: BusyError,
  CANCELLED: CancelledError,
  INTERNAL: InternalError,
  INVALID_OUTPUT: InvalidOutputError,
  PLUGIN_CRASHED: PluginCrashedError,
  PLUGIN_UNAVAILABLE: PluginUnavailableError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  PLUGIN_OUT_OF_MEMORY: PluginOutOfMemoryError,
} as const satisfies Record<
  ErrorCode,
  new (problem: Problem, options?: InvocationErrorOptions) => InvocationError
>;

/** The error of a problem object, whoever sent it. */
export function errorOf(problem: unknown, options?: InvocationErrorOptions): InvocationError {
  if (!isProblem(problem)) {
    return new InternalError(
      problemOfCode('INTERNAL', 'It failed, and the reason is no problem object.'),
      options,
    );
  }
  const isOfTable = errorEntryOf(problem.code) !== undefined;
  const ErrorClass = isOfTable ? errorClasses[problem.code as ErrorCode] : DeclaredPluginError;
  return new ErrorClass(problem, options);
}
