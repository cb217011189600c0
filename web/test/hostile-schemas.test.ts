import { decodeDescriptor, type JsonSchema } from '@bkg/sdk/protocol';
import { hostileSchemas } from '@bkg/sdk/testing';
import { expect, it } from 'vitest';
import { parsePayload } from '../src/lib/form/parsed-payload.ts';
import { offersForm } from '../src/lib/form/build-form.ts';
import { asSchema } from '../src/lib/json-schema.ts';
import { mayHoldSecret } from '../src/lib/runs/payload-secrets.ts';
import { sampleJson } from '../src/lib/sample-json.ts';
import { schemaRows, signatureOf } from '../src/lib/schema-rows.ts';

/** Of one step that the page makes by itself, and not in its worker, which has a deadline: on a slow machine. */
const stepMostMs = 3_000;

it.each(hostileSchemas)(
  'the page stays alive with $what',
  { timeout: 60_000 },
  ({ schema: given, payload }) => {
    const schema = asReceived(given);
    const steps: [string, () => unknown][] = [
      ['its rows', () => schemaRows(asSchema(schema))],
      ['its signature', () => signatureOf(asSchema(schema))],
      ['a sample', () => JSON.parse(sampleJson(asSchema(schema)))],
      ['whether there is a form', () => offersForm(schema, sampleJson(asSchema(schema)))],
      ['the form', () => parsePayload(schema, payload)],
      ['the form of a sample', () => parsePayload(schema, sampleJson(asSchema(schema)))],
      ['secrets in it', () => mayHoldSecret(payload, schema)],
    ];
    for (const [step, make] of steps) {
      const began = performance.now();
      make();
      expect(performance.now() - began, step).toBeLessThan(stepMostMs);
    }
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  },
);

/** As it comes from a plugin through the registry. */
function asReceived(schema: unknown): JsonSchema {
  const metadata = { 'bkg.input_schema': JSON.stringify(schema) };
  const endpoints = [{ subject: 'plugin.echo.invoke.a', metadata }];
  return decodeDescriptor({ name: 'echo', version: '1.0.0', endpoints })!.capabilities[0]!.input_schema;
}
