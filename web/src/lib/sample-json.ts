import { sampleOf } from '@bkg/sdk/protocol';
import type { Schema } from './json-schema.ts';

/**
 * What a form begins with, as JSON; texts are empty, because there is nothing to be deleted in them.
 * @param root where references of `schema` lead, when it is a part of a larger one
 */
export function sampleJson(schema: Schema, root: Schema = schema): string {
  return JSON.stringify(sampleOf(schema, { root, text: '' }));
}
