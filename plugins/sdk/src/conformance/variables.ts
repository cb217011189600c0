import { createToken } from '../token.ts';
import type { Sample, Target } from './target.ts';

/** What the case is about to run with, where it runs once for each of several. */
export interface Binding {
  instance?: string;
  sample?: Sample;
  invalid?: unknown;
}

export type Variables = (name: string) => unknown;

/** The values of the placeholders in a case. Ids and other made ones are the same throughout one run of it. */
export function variablesOf(target: Target, { instance, sample, invalid }: Binding): Variables {
  const made = new Map<string, string>();
  const once = (name: string, make: () => string): string => {
    const value = made.get(name) ?? make();
    made.set(name, value);
    return value;
  };
  const known: Record<string, unknown> = {
    plugin: target.id,
    instance: instance ?? target.instances[0],
    drained: target.instances[0],
    capability: sample?.capability.id,
    payload: sample?.payload,
    invalid,
    'slow.capability': target.slow?.capability.id,
    'slow.payload': target.slow?.payload,
  };
  return (name) => {
    if (name.startsWith('id:')) return once(name, createToken);
    if (name === 'unknown') return once(name, () => `conformance_${createToken().slice(0, 16)}`);
    if (name === 'outside') return once(name, () => `conformance.${createToken()}`);
    if (name in known) return known[name];
    throw new Error(`The suite has no variable {${name}}; it has ${Object.keys(known).join(', ')}.`);
  };
}

const placeholder = /\{([a-z]+[.:]?[a-z]*)\}/g;

/** Puts the values in; a text that is nothing but one placeholder becomes its value, of whatever kind. */
export function filled<T>(value: T, variables: Variables): T {
  if (typeof value === 'string') {
    const whole = /^\{([a-z]+[.:]?[a-z]*)\}$/.exec(value)?.[1];
    if (whole !== undefined) return variables(whole) as T;
    return value.replace(placeholder, (_, name: string) => String(variables(name))) as T;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => filled(item, variables)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, variables)])) as T;
}
