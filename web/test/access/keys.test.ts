import { scopeProblem, type ApiKey, type AuditEvent } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { targetKind, unknownKeys, whoText } from '../../src/lib/access/audit-text.ts';
import {
  changeOfForm,
  emptyKeyForm,
  formOfKey,
  mistakesOf,
  orderOfForm,
  rebaseForm,
} from '../../src/lib/access/key-form.ts';
import { keyState, sortKeys } from '../../src/lib/access/key-state.ts';
import { isoOfLocal, localOfIso } from '../../src/lib/access/local-time.ts';
import {
  capabilityChoices,
  composeScope,
  readScope,
  whyNotAdded,
} from '../../src/lib/access/scope-builder.ts';

const now = Date.parse('2026-11-29T12:00:00.000Z');

function key(part: Partial<ApiKey> = {}): ApiKey {
  return {
    prefix: 'Kabcdefgh2',
    name: 'backup',
    owner: 'Ada',
    scopes: ['read'],
    roles: ['viewer'],
    broker: false,
    created_at: '2026-11-01T00:00:00.000Z',
    created_by: 'bkg',
    revision: 4,
    ...part,
  };
}

describe('the scope builder', () => {
  it.each([
    [{ verb: 'read', plugin: '*', capability: '*' }, 'read'],
    [{ verb: 'read', plugin: 'candle', capability: 'model.infer' }, 'read:candle'],
    [{ verb: 'invoke', plugin: '*', capability: 'model.*' }, 'invoke:*:model.*'],
    [{ verb: 'invoke', plugin: 'candle', capability: 'model.infer' }, 'invoke:candle:model.infer'],
    [{ verb: 'admin', plugin: 'candle', capability: 'model.infer' }, 'admin'],
  ] as const)('writes the shortest text of a choice: %j', (parts, text) => {
    expect(composeScope(parts)).toBe(text);
    expect(scopeProblem(text)).toBeUndefined();
    expect(composeScope(readScope(text))).toBe(text);
  });

  it('reads what is not finished without making something else of it', () => {
    expect(readScope('invoke:')).toEqual({ verb: 'invoke', plugin: '*', capability: '*' });
    expect(readScope('')).toEqual({ verb: 'read', plugin: '*', capability: '*' });
  });

  it('offers all, the beginnings and each capability, and every one of them is a scope', () => {
    const choices = capabilityChoices(['model.infer', 'model.load.now', 'say']);
    expect(choices).toEqual(['*', 'model.*', 'model.load.*', 'model.infer', 'model.load.now', 'say']);
    for (const capability of choices) expect(scopeProblem(`invoke:candle:${capability}`)).toBeUndefined();
  });

  it('says why a scope cannot be added', () => {
    expect(whyNotAdded([], ' read:candle ')).toBeUndefined();
    expect(whyNotAdded([], '')).toBe('Choose or write a scope first.');
    expect(whyNotAdded(['read'], 'read')).toBe('read is there already.');
    expect(whyNotAdded([], 'fly:candle')).toContain('the verb is one of');
    expect(whyNotAdded([], 'serve')).toContain('serve needs the id');
    const full = Array.from({ length: 100 }, (_, i) => `read:p${i}`);
    expect(whyNotAdded(full, 'invoke')).toBe('There can be at most 100.');
  });
});

describe('the form of a key', () => {
  it('makes an order with what was filled in, and nothing else', () => {
    expect(orderOfForm({ ...emptyKeyForm, name: ' robot ' })).toEqual({
      name: 'robot',
      scopes: [],
      roles: [],
      broker: false,
    });
    const form = { ...emptyKeyForm, name: 'robot', owner: 'Ada', rate: '2.5', burst: '10', broker: true };
    expect(orderOfForm({ ...form, expires: '2027-01-01T00:00:00.000Z' })).toMatchObject({
      owner: 'Ada',
      broker: true,
      limits: { rate_per_second: 2.5, burst: 10 },
      expires_at: '2027-01-01T00:00:00.000Z',
    });
  });

  it('makes a change of what differs, with the revision that it began from', () => {
    const before = key({ limits: { rate_per_second: 5 }, expires_at: '2027-01-01T00:00:00.000Z' });
    const form = formOfKey(before);
    expect(changeOfForm(before, form)).toBeUndefined();
    expect(changeOfForm(before, { ...form, owner: '', rate: '', expires: '' })).toEqual({
      revision: 4,
      owner: null,
      limits: null,
      expires_at: null,
    });
    expect(changeOfForm(before, { ...form, scopes: ['read', 'invoke'] })).toEqual({
      revision: 4,
      scopes: ['read', 'invoke'],
    });
  });

  it('finds what is wrong at its field', () => {
    const form = { ...emptyKeyForm, rate: '-1', burst: '1.5', expires: '2026-11-29T11:59:00.000Z' };
    expect([...mistakesOf(form, now).keys()]).toEqual(['name', 'rate', 'burst', 'expires']);
    expect(mistakesOf({ ...emptyKeyForm, name: 'x', burst: '2' }, now).get('burst')).toContain('without');
    expect(mistakesOf({ ...emptyKeyForm, name: 'x'.repeat(101) }, now).get('name')).toContain('101');
    expect(mistakesOf({ ...emptyKeyForm, name: 'x' }, now).size).toBe(0);
  });

  it('does not call an end a mistake that has passed and was not touched', () => {
    const form = formOfKey(key({ expires_at: '2026-11-28T00:00:00.000Z' }));
    expect(mistakesOf(form, now, form).size).toBe(0);
    expect(mistakesOf(form, now).get('expires')).toContain('passed');
  });

  it('keeps what was changed here on top of what somebody else has changed', () => {
    const base = formOfKey(key());
    const mine = { ...base, owner: 'me', scopes: ['read', 'invoke'] };
    const theirs = formOfKey(key({ owner: 'them', name: 'nightly', revision: 5 }));
    expect(rebaseForm(base, mine, theirs)).toEqual({ ...theirs, owner: 'me', scopes: ['read', 'invoke'] });
  });
});

describe('a key in the list', () => {
  it('is in one of four states', () => {
    expect(keyState(key(), now)).toBe('active');
    expect(keyState(key({ expires_at: '2026-11-30T00:00:00.000Z' }), now)).toBe('ends soon');
    expect(keyState(key({ expires_at: '2026-11-29T12:00:00.000Z' }), now)).toBe('expired');
    expect(keyState(key({ revoked_at: '2026-11-29T11:00:00.000Z' }), now)).toBe('revoked');
  });

  it('stands after those that still do when it has ended', () => {
    const keys = [
      key({ name: 'a', revoked_at: '2026-11-01T00:00:00.000Z' }),
      key({ name: 'c' }),
      key({ name: 'b' }),
    ];
    expect(sortKeys(keys, now).map(({ name }) => name)).toEqual(['b', 'c', 'a']);
  });

  it('keeps the minute of its end through the field for date and time', () => {
    const iso = '2027-03-28T01:30:00.000Z';
    expect(isoOfLocal(localOfIso(iso))).toBe(iso);
    expect(localOfIso('')).toBe('');
    expect(isoOfLocal('not a time')).toBe('');
  });
});

describe('the activity', () => {
  const event = (part: Partial<AuditEvent>): AuditEvent => ({
    time: '2026-11-29T12:00:00.000Z',
    who: 'bkg',
    via: 'mesh',
    from: '',
    action: 'control.start',
    target: 'candle',
    result: 'ok',
    ...part,
  });

  it('calls people by the names of their keys', () => {
    expect(whoText('Kabcdefgh2', [key()])).toBe('backup');
    expect(whoText('Kzzzzzzzz2', [key()])).toBe('Kzzzzzzzz2');
    expect(whoText('bkg', [])).toBe('the mesh itself');
    expect(whoText('?', [])).toBe('nobody known');
  });

  it('asks for the names of keys that nobody has named yet, each once', () => {
    const told = [
      event({ who: 'Kzzzzzzzz2', target: 'Kabcdefgh2' }),
      event({ who: 'Kzzzzzzzz2', target: '/api/session' }),
    ];
    expect(unknownKeys(told, [key()])).toEqual(['Kzzzzzzzz2']);
    expect(unknownKeys([event({})], [])).toEqual([]);
  });

  it('knows what a target is', () => {
    expect(targetKind(event({}))).toBe('plugin');
    expect(targetKind(event({ action: 'key.create', target: 'Kabcdefgh2' }))).toBe('key');
    expect(targetKind(event({ action: 'role.put', target: 'ml-team' }))).toBe('role');
    expect(targetKind(event({ action: 'request', target: '/api/plugins' }))).toBeUndefined();
  });
});
