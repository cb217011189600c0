import { createToken } from '../token.ts';
import { newInbox } from './answers.ts';
import type { FlowSteps } from './flow-steps.ts';
import type { Sample, Target } from './target.ts';

/** What the case is about to run with, where it runs once for each of several. */
export interface Binding {
  instance?: string;
  sample?: Sample;
  invalid?: unknown;
}

export type Variables = (name: string) => unknown;

/** The values of the placeholders in a case. Ids and other made ones are the same throughout one run of it. */
export function variablesOf(
  target: Target,
  { instance, sample, invalid }: Binding,
  flow: Pick<FlowSteps, 'valueOf'>,
): Variables {
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
    plain: target.capabilities.find(({ isUpload }) => !isUpload)?.id,
    'slow.capability': target.slow?.capability.id,
    'slow.payload': target.slow?.payload,
    'upload.type': sample?.upload?.contentType,
    // For a header.
    'upload.bytes': String(sample?.upload?.body.length),
  };
  return (name) => {
    const [kind = '', which = ''] = name.split(':');
    if (kind === 'id') return once(name, createToken);
    if (kind === 'reply') return once(name, newInbox);
    if (kind === 'open' || kind === 'refused') return flow.valueOf(kind, which);
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

/** What a step has made under a name. */
export function named<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`The suite speaks of "${name}" before it is there.`);
  return found;
}
