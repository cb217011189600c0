import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

/** One of everything that the form shows in a way of its own. */
const order = Type.Unsafe<object>({
  type: 'object',
  required: ['customer', 'items', 'shipping'],
  properties: {
    customer: { $ref: '#/$defs/person' },
    items: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['sku'],
        properties: { sku: { type: 'string', pattern: '^[A-Z]+-[0-9]+$', maxLength: 20 } },
      },
    },
    shipping: {
      oneOf: [
        {
          title: 'Post',
          type: 'object',
          required: ['by', 'street'],
          properties: { by: { const: 'post' }, street: { type: 'string' } },
        },
        {
          title: 'Pick-up',
          type: 'object',
          required: ['by', 'shop'],
          properties: { by: { const: 'pickup' }, shop: { enum: ['North', 'South'] } },
        },
      ],
    },
    serial: { type: 'integer', description: 'May have any number of digits.' },
    gift: { type: 'boolean' },
    note: { type: ['string', 'null'] },
    window: { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'integer' }] },
  },
  $defs: {
    person: {
      type: 'object',
      required: ['name'],
      properties: { name: { type: 'string', minLength: 1, maxLength: 60 }, vip: { type: 'boolean' } },
    },
  },
  examples: [
    {
      customer: { name: 'Ada' },
      items: [{ sku: 'A-1' }, { sku: 'B-2' }],
      shipping: { by: 'post', street: 'Unter den Linden 1' },
      window: [1, 2],
    },
  ],
});

/** What is hard to lay out: long names, constants that may be left out, many optional members, numbers with limits. */
const report = Type.Unsafe<object>({
  type: 'object',
  required: ['version', 'kind', 'period'],
  properties: {
    version: { const: '2026-11', title: 'Version of this format', description: 'Changes once a year.' },
    kind: { enum: ['summary', 'full'], default: 'summary' },
    period: {
      type: 'object',
      required: ['from', 'to'],
      properties: {
        from: { type: 'string', format: 'date', examples: ['2026-01-01'] },
        to: { type: 'string', format: 'date', examples: ['2026-12-31'] },
        calendar: { const: 'gregorian' },
      },
    },
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100, title: 'How many lines at most' },
    include_lines_of_suppliers_that_delivered_nothing_in_the_whole_period: { type: 'boolean' },
    columns: { type: 'array', items: { enum: ['name', 'amount', 'vat', 'country'] }, uniqueItems: true },
    recipient: { type: ['string', 'null'], format: 'email' },
    a_very_long_name_without_any_place_to_break_it_because_it_was_generated_by_a_machine: { type: 'string' },
    filters: { type: 'object', additionalProperties: { type: 'string' } },
    raw: {},
    comment: { type: 'string', description: 'Shown on the first page. '.repeat(8).trim() },
    watermark: { const: true },
  },
  examples: [
    {
      version: '2026-11',
      kind: 'full',
      period: { from: '2026-01-01', to: '2026-12-31', calendar: 'gregorian' },
      include_lines_of_suppliers_that_delivered_nothing_in_the_whole_period: true,
      columns: ['name', 'amount'],
      recipient: null,
      filters: { country: 'DE' },
      raw: { any: [1.5, true] },
      watermark: true,
    },
  ],
});

const anything = Type.Unsafe<unknown>({});

await runPlugin(
  definePlugin({
    id: 'forms',
    version: '1.0.0',
    name: 'Forms',
    description: 'Gives back what it gets.',
    capabilities: {
      order: capability({
        description: 'Takes an order.',
        input: order,
        output: anything,
        idempotent: true,
        handler: (input) => input,
      }),
      report: capability({
        description: 'Takes what is hard to lay out.',
        input: report,
        output: anything,
        idempotent: true,
        handler: (input) => input,
      }),
      fail: capability({
        description: 'Fails, and logs why.',
        input: Type.Unsafe<object>({ type: 'object' }),
        output: anything,
        handler: () => {
          throw new Error('It was made to fail.');
        },
      }),
      endless: capability({
        description: 'Has a pattern that no page may try for long.',
        input: Type.Unsafe<object>({
          type: 'object',
          properties: { text: { type: 'string', pattern: '^(a+)+$' } },
          examples: [{ text: `${'a'.repeat(40)}!` }],
        }),
        output: anything,
        handler: () => ({}),
      }),
    },
  }),
);
