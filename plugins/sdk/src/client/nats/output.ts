import type { Msg } from '@nats-io/nats-core';
import { readJson } from '../../json.ts';
import { problemOfMsg, retryAfterOf } from '../../problem.ts';
import { isJsonContentType } from '../../protocol/content-type.ts';
import { headerNames } from '../../protocol/headers.ts';
import type { Chunk } from '../../stream/chunk-reader.ts';
import { errorOf } from '../errors.ts';
import type { InvocationError } from '../errors.ts';
import { failure } from '../failure.ts';
import type { Target } from '../invoke.ts';

export interface Output {
  value: unknown;
  text: string;
}

type Named = Pick<Target, 'plugin' | 'capability'>;

/** The output of a reply. @throws InvocationError */
export function readOutput(of: Named, msg: Msg): Output {
  const error = failureIn(msg);
  if (error) throw error;
  return readGiven(of, msg);
}

/** The failure that a reply is; undefined for a success. */
export function failureIn(msg: Msg): InvocationError | undefined {
  const problem = problemOfMsg(msg);
  const retryAfterSecs = problem && retryAfterOf(msg);
  return problem && errorOf(problem, { ...(retryAfterSecs !== undefined && { retryAfterSecs }) });
}

/** What a capability has written as JSON. @throws InvalidOutputError */
export function readGiven({ plugin, capability }: Named, { data, headers }: Chunk): Output {
  const contentType = headers?.get(headerNames.contentType);
  if (!isJsonContentType(contentType)) {
    throw failure(
      'INVALID_OUTPUT',
      `What ${capability} of ${plugin} gave is not JSON but ${contentType}. Take it with fetch.`,
    );
  }
  try {
    return readJson(data);
  } catch (cause) {
    const why = (cause as Error).message;
    throw failure('INVALID_OUTPUT', `What ${capability} of ${plugin} gave is not JSON (${why}).`, { cause });
  }
}
