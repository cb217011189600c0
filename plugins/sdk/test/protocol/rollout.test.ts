/** Orders, receipts and histories as the schemas of the wire have them. */
import { describe, expect, it } from 'vitest';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { configWhyMostLength, orderByMostLength } from '../../src/protocol/requests.ts';
import { contractRules } from '../../src/protocol/rollout.ts';
import type { ConfigHistory, Rollout } from '../../src/protocol/rollout.ts';
import { schemaOf } from '../../src/protocol/schemas/index.ts';
import type { WireName } from '../../src/protocol/schemas/index.ts';
import { createValidator } from '../../src/validator.ts';

const complaints = (name: WireName, value: unknown) => createValidator(schemaOf(name))(value);
const fits = (name: WireName, value: unknown) => complaints(name, value).length === 0;

describe('an order', () => {
  const said = { wait: false, by: 'ada', why: 'because' };

  it.each<[WireName, object]>([
    ['ControlOptions', {}],
    ['ControlOptions', said],
    ['SwapOrder', { version: '1.0.0' }],
    ['SwapOrder', { version: '1.0.0', force: true, ...said }],
    ['ScaleOrder', { replicas: 0 }],
    ['ScaleOrder', { replicas: 64, ...said }],
    ['RollbackOrder', {}],
    ['RollbackOrder', { to: 1, force: true, ...said }],
    ['HistoryQuery', {}],
    ['HistoryQuery', { before: 1 }],
    ['ConfigChange', { revision: 0, ...said }],
  ])('may be a %s like %j', (name, order) => {
    expect(complaints(name, order)).toEqual([]);
  });

  it.each<[WireName, object]>([
    ['SwapOrder', {}],
    ['SwapOrder', { version: '' }],
    ['SwapOrder', { version: '1.0.0', replicas: 2 }],
    ['ScaleOrder', { replicas: 65 }],
    ['ScaleOrder', { replicas: 0.5 }],
    ['ScaleOrder', { replicas: 1, force: true }],
    ['RollbackOrder', { to: 0 }],
    ['RollbackOrder', { version: '1.0.0' }],
    ['HistoryQuery', { before: 0 }],
    ['ControlOptions', { by: 'x'.repeat(orderByMostLength + 1) }],
    ['ControlOptions', { why: 'x'.repeat(configWhyMostLength + 1) }],
    ['ControlOptions', { wait: 'no' }],
  ])('is no %s when it is %j', (name, order) => {
    expect(fits(name, order)).toBe(false);
  });
});

describe('a rollout', () => {
  const running: Rollout = {
    verb: 'swap',
    state: 'running',
    step: 'testing',
    by: 'ada',
    why: '',
    from: '1.0.0',
    to: '1.1.0',
    started_at: '2026-11-24T08:00:00.000Z',
    instances: [{ instance: 'I2', version: '1.1.0', ready_ms: 412.5 }],
    invocations: { answered: 0, failed: 0, lost: 0 },
    contract: { breaks: [], unknown: [] },
  };
  const { step: _, ...rest } = running;
  const done: Rollout = {
    ...rest,
    state: 'done',
    duration_ms: 1_200,
    paused_ms: 90,
    instances: [
      { instance: 'I2', version: '1.1.0', ready_ms: 412, self_test_ms: 3, replaced: 'I1', drain_ms: 20 },
    ],
    invocations: { answered: 4_000, failed: 1, lost: null },
    contract: {
      breaks: contractRules.map((rule) => ({ capability: 'text.say', path: '', detail: 'd', rule })),
      unknown: [{ capability: 'text.say', path: '/input_schema/maxLength', detail: 'd' }],
    },
  };

  it.each([running, done])('is told while it runs, and after it: %j', (rollout) => {
    expect(complaints('Rollout', rollout)).toEqual([]);
  });

  it.each([
    { ...running, verb: 'start' },
    { ...running, state: 'cancelled' },
    { ...running, step: 'waiting' },
    { ...done, invocations: { answered: 1, failed: 0 } },
    { ...done, invocations: { answered: 1, failed: 0, lost: -1 } },
    { ...done, contract: { breaks: [{ capability: 'a', path: '', detail: '' }], unknown: [] } },
    { ...done, contract: { breaks: [{ capability: 'a', path: '', detail: '', rule: 'new' }], unknown: [] } },
  ])('is not %j', (rollout) => {
    expect(fits('Rollout', rollout)).toBe(false);
  });
});

describe('a history of configurations', () => {
  const revision = { revision: 3, by: 'ada', at: '', why: '', config: { id: 'echo', ...configDefaults } };
  const history: ConfigHistory = {
    revisions: [{ ...revision, version: '1.1.0', restores: 1 }, revision],
    truncated: true,
  };

  it('may have revisions of an old version of bkg', () => {
    expect(complaints('ConfigHistory', history)).toEqual([]);
    expect(complaints('ConfigHistory', { revisions: [] })).toEqual([]);
  });

  it.each([{}, { revisions: [{ ...revision, config: {} }] }, { revisions: [{ ...revision, restores: 0 }] }])(
    'is not %j',
    (value) => {
      expect(fits('ConfigHistory', value)).toBe(false);
    },
  );
});
