import { PluginError, type DeclaredError } from '@bkg/sdk';

/** candle's own failures; bad input is INVALID_PAYLOAD and a full queue BUSY, as for every plugin. */
export const findErrors = {
  CANDLE_MODEL_NOT_FOUND: {
    number: 404,
    retryable: false,
    description: 'No model of this id, or not in this revision.',
  },
  CANDLE_MODEL_AMBIGUOUS: {
    number: 409,
    retryable: false,
    description: 'The name without its organisation fits several models.',
  },
} as const satisfies Record<string, DeclaredError>;

export const loadErrors = {
  ...findErrors,
  CANDLE_MODEL_INVALID: {
    number: 422,
    retryable: false,
    description: 'The file is damaged, or the runtime does not take it.',
  },
  CANDLE_MODEL_UNSUPPORTED: {
    number: 422,
    retryable: false,
    description:
      'An input or output of the model is not a dense tensor of a supported datatype; the message names it.',
  },
  CANDLE_LOAD_TIMEOUT: {
    number: 503,
    retryable: true,
    description: 'The load took longer than load_timeout_secs; its process was ended.',
  },
  CANDLE_MODEL_CRASHED: {
    number: 503,
    retryable: true,
    description: 'The process of the model ended while it held the invocation.',
  },
  CANDLE_MODEL_UNSTABLE: {
    number: 503,
    retryable: false,
    description:
      'The process of the model ended again and again; it is left alone for a minute, or until model.load.',
  },
  CANDLE_NO_ROOM: {
    number: 507,
    retryable: false,
    description: 'Every place for a resident model is taken by a pinned one.',
  },
} as const satisfies Record<string, DeclaredError>;

export const inferErrors = {
  ...loadErrors,
  CANDLE_RUN_FAILED: {
    number: 422,
    retryable: false,
    description: 'The model refused these values while it ran.',
  },
} as const satisfies Record<string, DeclaredError>;

export type CandleErrorCode = keyof typeof inferErrors;

export const candleError = (code: CandleErrorCode, detail: string, options?: ErrorOptions): PluginError =>
  new PluginError(code, detail, options);
