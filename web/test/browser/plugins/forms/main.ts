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
