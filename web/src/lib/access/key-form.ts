import {
  keyNameMostLength,
  scopeProblem,
  type ApiKey,
  type KeyChange,
  type KeyOrder,
  type RateLimit,
} from '@bkg/sdk/protocol';

/** A key as it stands in fields: numbers as they are typed. */
export interface KeyForm {
  name: string;
  owner: string;
  roles: string[];
  scopes: string[];
  broker: boolean;
  /** Invocations a second, "" for no limit. */
  rate: string;
  burst: string;
  /** ISO 8601, "" for never. */
  expires: string;
}

export type KeyField = keyof KeyForm;

export const emptyKeyForm: KeyForm = {
  name: '',
  owner: '',
  roles: [],
  scopes: [],
  broker: false,
  rate: '',
  burst: '',
  expires: '',
};

export function formOfKey(key: ApiKey): KeyForm {
  return {
    name: key.name,
    owner: key.owner,
    roles: [...key.roles],
    scopes: [...key.scopes],
    broker: key.broker,
    rate: String(key.limits?.rate_per_second ?? ''),
    burst: String(key.limits?.burst ?? ''),
    expires: key.expires_at ?? '',
  };
}

/** @param before what the key is now: an end that has passed already is no mistake unless somebody sets it anew */
export function mistakesOf(form: KeyForm, now: number, before = emptyKeyForm): Map<KeyField, string> {
  const mistakes = new Map<KeyField, string>();
  const name = form.name.trim();
  if (name === '') mistakes.set('name', 'A key needs a name, by which people know it.');
  else if (name.length > keyNameMostLength)
    mistakes.set('name', `At most ${keyNameMostLength} characters; these are ${name.length}.`);
  if (form.owner.trim().length > keyNameMostLength)
    mistakes.set('owner', `At most ${keyNameMostLength} characters.`);
  const [wrong] = form.scopes.flatMap((scope) => scopeProblem(scope) ?? []);
  if (wrong !== undefined) mistakes.set('scopes', wrong);
  if (form.rate.trim() !== '' && !(Number(form.rate) > 0))
    mistakes.set('rate', 'A number above 0, or nothing for no limit.');
  if (form.burst.trim() !== '') {
    if (form.rate.trim() === '') mistakes.set('burst', 'Of no use without a rate.');
    else if (!Number.isInteger(Number(form.burst)) || Number(form.burst) < 1)
      mistakes.set('burst', 'A whole number from 1, or nothing.');
  }
  if (form.expires !== '' && form.expires !== before.expires) {
    const at = Date.parse(form.expires);
    if (Number.isNaN(at)) mistakes.set('expires', 'This is no date.');
    else if (at <= now) mistakes.set('expires', 'This has passed already.');
  }
  return mistakes;
}

/** Of a form without mistakes. */
export function orderOfForm(form: KeyForm): KeyOrder {
  const limits = limitsOf(form);
  const owner = form.owner.trim();
  return {
    name: form.name.trim(),
    ...(owner && { owner }),
    scopes: form.scopes,
    roles: form.roles,
    broker: form.broker,
    ...(limits && { limits }),
    ...(form.expires && { expires_at: form.expires }),
  };
}

/** What differs from `key`, and nothing else; undefined when nothing does. Of a form without mistakes. */
export function changeOfForm(key: ApiKey, form: KeyForm): KeyChange | undefined {
  const before = formOfKey(key);
  const change: KeyChange = { revision: key.revision };
  for (const field of changedFields(before, form)) {
    if (field === 'name') change.name = form.name.trim();
    else if (field === 'owner') change.owner = form.owner.trim() || null;
    else if (field === 'expires') change.expires_at = form.expires || null;
    else if (field === 'rate' || field === 'burst') change.limits = limitsOf(form) ?? null;
    else if (field === 'broker') change.broker = form.broker;
    else change[field] = form[field];
  }
  return Object.keys(change).length > 1 ? change : undefined;
}

export function changedFields(a: KeyForm, b: KeyForm): KeyField[] {
  return (Object.keys(emptyKeyForm) as KeyField[]).filter((field) => textOf(a[field]) !== textOf(b[field]));
}

/** What was changed from `base` on top of `theirs`: fields that were not changed here are as they are there. */
export function rebaseForm(base: KeyForm, mine: KeyForm, theirs: KeyForm): KeyForm {
  const changed = new Set(changedFields(base, mine));
  const entries = (Object.keys(emptyKeyForm) as KeyField[]).map((field) => [
    field,
    (changed.has(field) ? mine : theirs)[field],
  ]);
  return Object.fromEntries(entries) as unknown as KeyForm;
}

/** In which order scopes and roles stand makes no difference. */
function textOf(value: KeyForm[KeyField]): string {
  return Array.isArray(value) ? [...value].sort().join('\n') : String(value).trim();
}

function limitsOf({ rate, burst }: KeyForm): RateLimit | undefined {
  if (rate.trim() === '') return undefined;
  return { rate_per_second: Number(rate), ...(burst.trim() !== '' && { burst: Number(burst) }) };
}
