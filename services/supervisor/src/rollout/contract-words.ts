import { beyond, membersOf, sizeOf } from './contract-values.ts';
import type { Accepted, Member } from './contract-values.ts';

/** Of longer lists only what changed is told, and so much of it. */
const listedMost = 8;
const changedMost = 3;
const jsonMostLength = 60;

/** A text that is too long ends with "…". */
export function cut(text: string, mostLength: number): string {
  return text.length <= mostLength ? text : `${text.slice(0, mostLength - 1).toWellFormed()}…`;
}

export function shortJson(json: string): string {
  return cut(json, jsonMostLength);
}

/** As in "minimum is 3 now, was 1". */
export function describeOther(name: string, before: string, after: string): string {
  const [was, is] = [shortJson(before), shortJson(after)];
  if (was === is) return `${name} is another one now; both begin with ${is}`;
  return `${name} is ${is} now, was ${was}`;
}

/** As in "takes string now, took string or integer": with the verb of now, and that of before. */
export function describeAccepted(
  [now, then]: readonly [string, string],
  before: Accepted,
  after: Accepted,
): string {
  const isLong = sizeOf(before) > listedMost || sizeOf(after) > listedMost;
  const changed = isLong ? describeChanged(beyond(before, after), beyond(after, before)) : '';
  return changed ? `${now} ${changed}` : `${now} ${inWords(after)} now, ${then} ${inWords(before)}`;
}

/** "" when one of the two is anything: then nothing is beyond it. */
function describeChanged(gone: readonly Member[], come: readonly Member[]): string {
  return [
    come.length > 0 ? `${some(come, 'and')} in addition now` : '',
    gone.length > 0 ? `${some(gone, 'or')} no more` : '',
  ]
    .filter((text) => text !== '')
    .join(', and ');
}

function inWords(accepted: Accepted): string {
  if (!accepted) return 'anything';
  const members = membersOf(accepted);
  if (members.length === 0) return 'nothing';
  return members.length > listedMost ? some(members, 'or') : enumeration(members.map(nameOf), 'or');
}

function some(members: readonly Member[], conjunction: string): string {
  const names = members.slice(0, changedMost).map(nameOf);
  const others = members.length - names.length;
  return enumeration(others > 0 ? [...names, `${others} more`] : names, conjunction);
}

function nameOf({ type, value }: Member): string {
  return value === undefined ? type : shortJson(value);
}

function enumeration(names: readonly string[], conjunction: string): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} ${conjunction} ${last}`;
}
