import { wireSchemas } from '@bkg/sdk/protocol';
import { Refusal } from './refusal.ts';

interface MemberSchema {
  type?: string;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  enum?: readonly unknown[];
  properties?: Record<string, MemberSchema>;
  additionalProperties?: unknown;
}

/** A refusal of `--set` that also says what each member it names takes. */
export function explainRefusal(error: unknown, settings: readonly string[]): unknown {
  if (!(error instanceof Refusal) || error.code !== 'INVALID_PAYLOAD') return error;
  const { code, message, remedy, exitCode } = error;
  const paths = settings.map((setting) => setting.split('=', 1)[0] ?? '');
  const texts = paths.filter((path) => message.includes(pointerOf(path))).map(memberText);
  const lines = [...new Set(texts)].filter((text) => text !== undefined).map((text) => `    ${text}`);
  return new Refusal(code, [message, ...lines].join('\n'), remedy, { exitCode, cause: error });
}

/** "resources.max_memory_mb takes a whole number from 16 to …"; undefined when that cannot be said in a line. */
export function memberText(path: string): string | undefined {
  let [schema, known] = [wireSchemas.ConfigPatch as MemberSchema, [] as string[]];
  for (const name of path.split('.')) {
    const { properties } = schema;
    if (!properties) return undefined;
    const next = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!next) return `${known.join('.') || 'a configuration'} has ${Object.keys(properties).join(', ')}`;
    [schema, known] = [next, [...known, name]];
  }
  const { description = '', enum: allowed } = schema;
  const values = allowed ? `one of ${allowed.map(String).join(', ')}` : numberText(schema);
  return values && `${path} takes ${values}. ${description}`.trimEnd();
}

function numberText({ type, minimum, maximum, exclusiveMinimum }: MemberSchema): string | undefined {
  if (type !== 'integer' && type !== 'number') return undefined;
  const least = exclusiveMinimum === undefined ? `from ${minimum}` : `above ${exclusiveMinimum}, up`;
  return `a ${type === 'integer' ? 'whole ' : ''}number ${least} to ${maximum}`;
}

/** Where the gateway finds it wrong: at the member, or at what has no such member. */
function pointerOf(path: string): string {
  const names = path.split('.');
  const pointer = `/${names.join('/')}`;
  return memberText(path)?.startsWith(`${path} takes`) ? pointer : JSON.stringify(names.at(-1));
}
