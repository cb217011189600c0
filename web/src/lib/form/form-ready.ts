import { plural } from '../format.ts';
import { parseTree } from '../json-tree.ts';
import type { PayloadCheck } from '../payload-check.svelte.ts';
import type { Payload } from '../payload.svelte.ts';
import type { Refusal } from '../run-bar.svelte';
import type { Field } from './field.ts';
import type { FormSession } from './form-session.svelte.ts';
import { placeMistakes } from './place-mistakes.ts';

export interface FormReadiness {
  payload: Payload;
  session: FormSession;
  check: PayloadCheck;
  form: Field | undefined;
}

/**
 * Whether the form may be sent: from there, only what fits the schema as far as this page can tell. The keyboard goes to the
 * first place that is wrong.
 * @returns why not; `changed` when it became something else meanwhile; undefined when nothing is wrong
 */
export async function whyFormIsNotReady(ready: FormReadiness): Promise<Refusal | 'changed' | undefined> {
  const { payload, session, check, form } = ready;
  const unfinished = [...payload.drafts].filter(([, draft]) => parseTree(draft.text).mistake);
  for (const [pointer] of unfinished) {
    if (!(await session.focus(pointer))) continue;
    return { why: 'Not sent: a JSON field holds what is no JSON.', places: [pointer] };
  }
  const result = await check.checkNow();
  if (!result) return 'changed';
  if (result.mistakes.length === 0 || !form) return undefined;
  const placed = placeMistakes(form, result.mistakes);
  const count = result.mistakes.length;
  session.mistakes = placed;
  await session.focus(...placed.keys());
  return {
    why: `Not sent: ${plural(count, 'place')} ${count === 1 ? 'does' : 'do'} not fit the schema. To send it all the same, choose JSON.`,
    places: [...placed.keys()],
  };
}
