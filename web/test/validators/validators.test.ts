import { createRandom } from '@bkg/sdk/testing';
import { describe, expect, it } from 'vitest';
import { knownDifferences } from './known-differences.ts';
import { randomSchema, randomValue } from './random-schema.ts';
import { table } from './table.ts';
import { asText, page, plugin } from './verdicts.ts';

/** `BKG_SCHEMAS=100000` looks at so many; a failure names its seed, which `BKG_SEED` begins with. */
const schemasMost = Number(process.env['BKG_SCHEMAS'] ?? 1_000);
const firstSeed = Number(process.env['BKG_SEED'] ?? 1);
const payloadsPerSchema = 8;

describe('the validator of plugins and that of the page', () => {
  it.each(table)('say what JSON Schema says: $what', ({ schema, takes = [], refuses = [] }) => {
    for (const verdictOf of [plugin(schema), page(schema)]) {
      expect(takes.filter((text) => verdictOf(text) !== 'takes')).toEqual([]);
      expect(refuses.filter((text) => verdictOf(text) !== 'refuses')).toEqual([]);
    }
    // Of large payloads the plugin looks for the first complaint only.
    const verdictOf = plugin(schema);
    expect(refuses.filter((text) => verdictOf(text, 1e6) !== 'refuses')).toEqual([]);
  });

  it.each(knownDifferences)('differ still: $why', (difference) => {
    const { schema, payload } = difference;
    expect({ plugin: plugin(schema)(payload), page: page(schema)(payload) }).toEqual({
      plugin: difference.plugin,
      page: difference.page,
    });
  });

  it(
    'agree about what nobody has thought of, and the page refuses nothing that a plugin takes',
    { timeout: 120_000 + schemasMost * 400 },
    () => {
      let [taken, refused, unchecked] = [0, 0, 0];
      for (let seed = firstSeed; seed < firstSeed + schemasMost; seed += 1) {
        const random = createRandom(seed);
        const schema = randomSchema(random);
        const [pluginSays, pageSays] = [plugin(schema), page(schema)];
        for (let i = 0; i < payloadsPerSchema; i += 1) {
          const text = asText(randomValue(random));
          const [there, here] = [pluginSays(text), pageSays(text)];
          const where = `BKG_SEED=${seed}: ${asText(schema)} and ${text}: plugin ${there}, page ${here}`;
          expect(pluginSays(text, 1e6), where).toBe(there);
          if (there === 'takes') taken += 1;
          if (there === 'refuses') refused += 1;
          if (there === 'cannot check') unchecked += 1;
          if (here === there || [here, there].includes('cannot check')) continue;
          if (there === 'takes' || !isKnown(schema, text)) throw new Error(where);
        }
      }
      // Neither is right by saying the same to everything.
      // References in a circle.
      expect(unchecked).toBeLessThan((schemasMost * payloadsPerSchema) / 50);
      expect(Math.min(taken, refused)).toBeGreaterThan((schemasMost * payloadsPerSchema) / 5);
    },
  );
});

/** What the differences above may be the reason for: all of them let the page take more. */
function isKnown(schema: unknown, payload: string): boolean {
  const text = asText(schema);
  const has = (keyword: string): boolean => text.includes(`"${keyword}":`);
  const hasUnevaluated = has('unevaluatedProperties') || has('unevaluatedItems');
  const hasNumberFormat = /"format":"(?:int32|int64)"/.test(text);
  const isInexact = /1e400/.test(payload);
  return isInexact || hasNumberFormat || (hasUnevaluated && (has('if') || has('$ref')));
}
