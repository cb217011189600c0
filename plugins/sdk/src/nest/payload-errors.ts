import { pointerToken } from '../protocol/json-pointer.ts';
import type { PayloadError } from '../protocol/errors.ts';

/**
 * The complaints in what validation pipes put into their exceptions: texts, `{path, message}` of a Standard Schema,
 * class-validator's errors, and maps from a property to its complaints. Empty for anything else.
 */
export function payloadErrorsOf(given: unknown): PayloadError[] {
  if (Array.isArray(given)) return given.flatMap((one) => errorsOf(one));
  return typeof given === 'object' && given !== null ? errorsOfMap(given) : [];
}

interface ClassValidatorError {
  property: string;
  constraints?: Record<string, unknown>;
  children?: ClassValidatorError[];
}

function errorsOf(one: unknown, parent = ''): PayloadError[] {
  if (typeof one === 'string') return [{ path: parent, message: one }];
  const { path, message, property } = Object(one) as Record<string, unknown>;
  if (typeof property === 'string') return errorsOfClass(one as ClassValidatorError, parent);
  if (typeof message !== 'string') return [];
  return [{ path: Array.isArray(path) ? pointer(path) : typeof path === 'string' ? path : parent, message }];
}

function errorsOfClass(
  { property, constraints = {}, children = [] }: ClassValidatorError,
  parent: string,
): PayloadError[] {
  const path = parent + pointer([property]);
  return [
    ...Object.values(constraints).map((message) => ({ path, message: String(message) })),
    ...children.flatMap((child) => errorsOf(child, path)),
  ];
}

function errorsOfMap(map: object): PayloadError[] {
  return Object.entries(map).flatMap(([property, messages]) => {
    const path = pointer(property.split('.'));
    return Array.isArray(messages) ? messages.flatMap((message) => errorsOf(message, path)) : [];
  });
}

/** RFC 6901. A segment of a Standard Schema's path is a key, or an object with one. */
function pointer(segments: readonly unknown[]): string {
  const keys = segments.map((segment) => String((Object(segment) as { key?: unknown }).key ?? segment));
  return keys.map((key) => `/${pointerToken(key)}`).join('');
}
