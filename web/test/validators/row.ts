/** What JSON Schema 2020-12 says of some schemas: payloads, as JSON, that fit and that do not. */
export interface Row {
  what: string;
  schema: unknown;
  takes?: string[];
  refuses?: string[];
}

export const row = (what: string, schema: unknown, takes: string[], refuses: string[] = []): Row => ({
  what,
  // By a text, so that a member may be called __proto__.
  schema: typeof schema === 'string' ? (JSON.parse(schema) as unknown) : schema,
  takes,
  refuses,
});
