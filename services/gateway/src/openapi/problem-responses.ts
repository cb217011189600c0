import { errorTable, headerNames, problemContentType } from '@bkg/sdk/protocol';
import type { DeclaredError, ErrorCode } from '@bkg/sdk/protocol';
import { httpStatus } from '../http/http-status.ts';
import type { Reference, Response } from './openapi.ts';

/** What may become of any request: not HTTP, not addressed to us, our own failure, the gateway is stopping. */
const ofAll = [
  'INVALID_PAYLOAD',
  'FORBIDDEN',
  'INTERNAL',
  'PLUGIN_UNAVAILABLE',
] as const satisfies ErrorCode[];

/** What an invocation that has a limit is told of it, by its header. */
export const limitHeaders: Record<string, Reference> = {
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
  RateLimit: { $ref: '#/components/headers/RateLimit' },
};

/** What may become of a request where somebody is asked who they are. */
export const accessCodes = ['UNAUTHENTICATED', 'RATE_LIMITED'] as const satisfies ErrorCode[];

/** What may become of an invocation, besides the plugin's own errors. */
export const invocationCodes = [
  ...accessCodes,
  'PLUGIN_NOT_FOUND',
  'CAPABILITY_NOT_FOUND',
  'CONFLICT',
  'PAYLOAD_TOO_LARGE',
  'BUSY',
  'CANCELLED',
  'INVALID_OUTPUT',
  'PLUGIN_CRASHED',
  'DEADLINE_EXCEEDED',
  'PLUGIN_OUT_OF_MEMORY',
] as const satisfies ErrorCode[];

/** Failures with codes of their own. */
export type Declared = Record<string, Pick<DeclaredError, 'number' | 'description'>>;

/** The failures of an operation by their status. */
export function problemResponses(
  codes: readonly ErrorCode[],
  declared: Declared = {},
): Record<string, Response> {
  const failures = byStatus([...ownFailures(declared), ...commonFailures(codes)]);
  return Object.fromEntries(failures.map(([status, those]) => [status, responseOf(those)]));
}

/** Those of every invocation are the same, and stand once in the document. */
export const sharedResponses: Record<string, Response> = Object.fromEntries(
  Object.entries(problemResponses(invocationCodes)).map(([status, response]) => [
    `Invocation${status}`,
    response,
  ]),
);

/** The failures of a capability: the shared ones, and where it declares some of its own these too. */
export function capabilityResponses(declared: Declared = {}): Record<string, Response | Reference> {
  const shared = Object.fromEntries(
    Object.keys(sharedResponses).map((name) => [
      name.slice('Invocation'.length),
      { $ref: `#/components/responses/${name}` },
    ]),
  );
  const merged = byStatus(ownFailures(declared)).map(([status, failures]) => {
    const others = commonFailures(invocationCodes).filter(({ number }) => String(number) === status);
    return [status, responseOf([...failures, ...others])] as const;
  });
  return { ...shared, ...Object.fromEntries(merged) };
}

interface Failure {
  code: string;
  number: number;
  text: string;
}

function ownFailures(declared: Declared): Failure[] {
  return Object.entries(declared).map(([code, { number, description }]) => ({
    code,
    number,
    text: description,
  }));
}

/** These, and those of any request. */
function commonFailures(codes: readonly ErrorCode[]): Failure[] {
  return [...ofAll, ...codes].map((code) => {
    const { number, title } = errorTable[code];
    return { code, number, text: title };
  });
}

function byStatus(failures: readonly Failure[]): [string, Failure[]][] {
  return [...Map.groupBy(failures, ({ number }) => String(httpStatus(number)))];
}

function responseOf(failures: readonly Failure[]): Response {
  const codes = [...new Set(failures.map(({ code }) => code))];
  const texts = codes.map(
    (code) => `\`${code}\`: ${failures.find((one) => one.code === code)?.text.slice(0, 500)}`,
  );
  const isLimited = codes.includes('RATE_LIMITED');
  return {
    description: texts.join('\n\n'),
    ...(isLimited && {
      headers: { [headerNames.retryAfter]: { $ref: '#/components/headers/RetryAfter' }, ...limitHeaders },
    }),
    content: {
      [problemContentType]: {
        schema: {
          allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }],
        },
      },
    },
  };
}
