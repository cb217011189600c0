import { hostileSchemas } from '@bkg/sdk/testing';
import type { JsonSchema } from '@bkg/sdk';
import { expect, it } from 'vitest';
import { embedSchema } from '../src/openapi/embed-schema.ts';

/** On a slow machine; the gateway answers nobody meanwhile. */
const mostMs = 3_000;

it.each(hostileSchemas)(
  'the document of the API takes a schema with $what, or says why not',
  ({ schema }) => {
    const began = performance.now();
    const { note, components } = embedSchema(schema as JsonSchema, 'echo.a.input');
    expect(performance.now() - began).toBeLessThan(mostMs);
    expect(note !== undefined || components.length > 0).toBe(true);
    // Of what is shown nothing leads out of the document.
    for (const ref of JSON.stringify(components).match(/"\$ref":"[^"]*"/g) ?? [])
      expect(ref).toMatch(/"#\/components\/schemas\/echo\.a\.input/);
  },
);
