import { UsageError } from './command.ts';

type Patch = Record<string, unknown>;

/** A merge patch of `limits.max_queue=5` and the like: JSON, or else a text; null takes a member away. @throws UsageError */
export function configPatch(settings: readonly string[]): Patch {
  const patch: Patch = {};
  for (const setting of settings) {
    const [, path = '', text = ''] = /^([^=]+)=([^]*)$/.exec(setting) ?? [];
    const names = path.split('.');
    if (names.some((name) => name === ''))
      throw new UsageError(
        `--set is "${setting.split('=', 1)[0]}"; it takes a member and a value, such as limits.max_queue=100`,
      );
    put(
      patch,
      names,
      names[0] === 'env' && names.length === 2 ? environmentValue(text) : valueOf(text),
      path,
    );
  }
  return patch;
}

function put(patch: Patch, [name = '', ...rest]: readonly string[], value: unknown, path: string): void {
  // Not through inherited members: `__proto__` is a name like any other, and refused by the gateway.
  const own = Object.hasOwn(patch, name) ? patch[name] : undefined;
  const isMember = typeof own === 'object' && own !== null;
  if (own !== undefined && (rest.length === 0 || !isMember))
    throw new UsageError(`--set is given twice for the same member: ${path}`);
  const next: unknown = rest.length === 0 ? value : isMember ? own : {};
  Object.defineProperty(patch, name, { value: next, enumerable: true, configurable: true, writable: true });
  if (rest.length > 0) put(next as Patch, rest, value, path);
}

/** Of a variable of the environment, which is a text whatever it looks like. */
function environmentValue(text: string): string | null {
  return text === 'null' ? null : text;
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
