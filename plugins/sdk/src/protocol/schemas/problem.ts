import { declaredErrorNumbers } from '../errors.ts';
import type { DeclaredError, PayloadError, Problem } from '../errors.ts';
import { ref } from './ref.ts';
import { count, flag, listOf, object, oneOf, text } from './schema.ts';

export const problemSchemas = {
  Problem: object<Problem>(
    {
      type: text('`urn:bkg:error:` and the code in lower case.', { pattern: '^urn:bkg:error:' }),
      title: text('The code in words.', { maxLength: 512 }),
      status: count('The number of the code; over HTTP the status.', 400, 599),
      detail: text('What happened, for people. Safe to show.', { maxLength: 16_384 }),
      code: text('Never changes its meaning: what programs decide by.', { minLength: 1, maxLength: 128 }),
      retryable: flag('Whether the same request may succeed later.'),
    },
    { errors: { ...listOf(ref('PayloadError'), 'The places that are wrong.'), maxItems: 20 } },
  ),
  PayloadError: object<PayloadError>({
    path: text('A JSON pointer; "" for the whole payload.', { maxLength: 512 }),
    message: text('What is wrong there.', { maxLength: 512 }),
  }),
  DeclaredError: object<DeclaredError>({
    number: oneOf(declaredErrorNumbers, 'The class of the failure, as in HTTP.'),
    retryable: flag('Whether the same request may succeed later.'),
    description: text('When it happens.'),
  }),
};
