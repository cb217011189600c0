import type { JsonSchema } from '@bkg/sdk/protocol';

/** The schemas of the document, by their names. */
export type Components = Readonly<Record<string, JsonSchema>>;

export function componentOf(ref: string, components: Components): JsonSchema | undefined {
  return components[ref.slice('#/components/schemas/'.length)];
}
