import { errorTable, problemContentType } from '@bkg/sdk/protocol';
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

/** The failures of an operation by their status. */
export function problemResponses(codes: readonly ErrorCode[]): Record<string, Response> {
  const entries = [...ofAll, ...codes].map((code): Failure => ({
    code,
    number: errorTable[code].number,
    text: errorTable[code].title,
  }));
  return Object.fromEntries(byStatus(entries).map(([status, failures]) => [status, responseOf(failures)]));
}

/** Those of every invocation are the same, and stand once in the document. */
export const sharedResponses: Record<string, Response> = Object.fromEntries(
  Object.entries(problemResponses(invocationCodes)).map(([status, response]) => [
    `Invocation${status}`,
    response,
  ]),
);

/** The failures of a capability: the shared ones, and where it declares some of its own these too. */
export function capabilityResponses(
  declared: Record<string, DeclaredError> = {},
): Record<string, Response | Reference> {
  const shared = Object.fromEntries(
    Object.keys(sharedResponses).map((name) => [
      name.slice('Invocation'.length),
      { $ref: `#/components/responses/${name}` },
    ]),
  );
  const own = Object.entries(declared).map(([code, { number, description }]): Failure => ({
    code,
    number,
    text: description,
  }));
  const merged = byStatus(own).map(([status, failures]) => {
    const others = [...ofAll, ...invocationCodes]
      .map((code): Failure => ({ code, number: errorTable[code].number, text: errorTable[code].title }))
      .filter(({ number }) => String(number) === status);
    return [status, responseOf([...failures, ...others])] as const;
  });
  return { ...shared, ...Object.fromEntries(merged) };
}

interface Failure {
  code: string;
  number: number;
  text: string;
}

function byStatus(failures: readonly Failure[]): [string, Failure[]][] {
  return [...Map.groupBy(failures, ({ number }) => String(httpStatus(number)))];
}

function responseOf(failures: readonly Failure[]): Response {
  const codes = [...new Set(failures.map(({ code }) => code))];
  const texts = codes.map(
    (code) => `\`${code}\`: ${failures.find((one) => one.code === code)?.text.slice(0, 500)}`,
  );
  return {
    description: texts.join('\n\n'),
    content: {
      [problemContentType]: {
        schema: {
          allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }],
        },
      },
    },
  };
}
