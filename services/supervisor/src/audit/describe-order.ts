import { BkgError, isRecord } from '@bkg/sdk';

const detailMostChars = 1_000;
const reasonMostChars = 500;
const namesMost = 20;

/** Members of a change whose own members are told, too: by their names, never with their values. */
const opened = ['env', 'resources', 'limits'];
/** What every order may have beside what it is about. */
const common = ['by', 'why', 'wait', 'revision', 'id'];

/**
 * What was ordered and why it failed, for the audit: without values of a configuration, and without what a plugin has
 * printed, which is in the text of its crash.
 * @param isVouched whether it is known who orders it; else what the order says of that is told
 */
export function describeOrder(
  verb: string,
  body: unknown,
  isVouched: boolean,
  error?: unknown,
): { detail?: string } {
  const given = isRecord(body) ? body : {};
  const { by, why } = given;
  const parts = [
    ...(verb === 'configure' ? changed(given) : ordered(given)),
    ...(!isVouched && typeof by === 'string' ? [`by ${JSON.stringify(by.slice(0, 100))}, as it says`] : []),
    ...(typeof why === 'string' && why !== '' ? [`why: ${why.slice(0, reasonMostChars)}`] : []),
    ...(error === undefined || isCrash(error) ? [] : [firstLine(error)]),
  ];
  const detail = parts.join('; ').slice(0, detailMostChars);
  return detail === '' ? {} : { detail };
}

/** Of orders with few members all of them are short. */
function ordered(order: Record<string, unknown>): string[] {
  return ['version', 'replicas', 'to', 'force']
    .filter((name) => order[name] !== undefined)
    .map((name) => `${name} ${String(JSON.stringify(order[name])).slice(0, 100)}`);
}

function changed(change: Record<string, unknown>): string[] {
  const names = Object.entries(change)
    .filter(([name]) => !common.includes(name))
    .flatMap(([name, value]) =>
      opened.includes(name) && isRecord(value)
        ? Object.keys(value).map((inner) => `${name}.${inner}`)
        : [name],
    );
  if (names.length === 0) return [];
  const more = names.length > namesMost ? ` and ${names.length - namesMost} more` : '';
  return [`changes ${names.slice(0, namesMost).join(', ')}${more}`];
}

function isCrash(error: unknown): boolean {
  return error instanceof BkgError && error.code === 'PLUGIN_CRASHED';
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : 'it failed';
  return (text.split('\n', 1)[0] ?? '').slice(0, reasonMostChars);
}
