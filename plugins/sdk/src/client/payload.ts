import { failure } from './failure.ts';

/** The JSON of a payload; without one `{}`. @throws InvalidPayloadError */
export function jsonOf(payload: unknown): string {
  let json: string | undefined;
  let why: unknown;
  try {
    json = payload === undefined ? '{}' : JSON.stringify(payload);
  } catch (error) {
    why = error;
  }
  if (json !== undefined) return json;
  throw failure(
    'INVALID_PAYLOAD',
    `The payload cannot be written as JSON${why instanceof Error ? `: ${why.message}` : ''}. Give a JSON value.`,
    { cause: why },
  );
}

/** @throws InvalidPayloadError */
export function assertJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    throw failure('INVALID_PAYLOAD', `The payload is not JSON: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
