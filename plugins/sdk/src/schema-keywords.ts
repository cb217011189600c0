/** What the keywords of JSON Schema hold, for who walks through a schema. */

/** Schemas by names, which are the author's and no keywords: a member may be called default. */
export const schemaMaps: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
]);

/** Values and no schemas: a member called $ref there is data. */
export const dataKeywords: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'examples']);
