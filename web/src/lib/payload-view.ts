/** How a payload, or another JSON text with a schema, is shown. */
export const payloadViews = [
  ['form', 'Form'],
  ['json', 'JSON'],
] as const;

export type PayloadView = (typeof payloadViews)[number][0];
