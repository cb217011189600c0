import { configDefaults } from '@bkg/sdk/protocol';
import type { ApiKey, PluginConfig } from '@bkg/sdk/protocol';
import { describe, expect, it, vi } from 'vitest';

// Runes are words of the compiler; here nobody draws, and values do.
const rune = (value: unknown) => value;
vi.stubGlobal('$state', Object.assign(rune, { raw: rune, snapshot: structuredClone }));
vi.stubGlobal('$derived', Object.assign(rune, { by: (value: () => unknown) => value() }));
const { ConfigDraft } = await import('../src/lib/config/config-draft.svelte.ts');
const { KeyDraft } = await import('../src/lib/access/key-draft.svelte.ts');

const config: PluginConfig = { id: 'echo', ...configDefaults, revision: 1 };
const key = {
  prefix: 'Kaaaaaaaaa',
  name: 'ci',
  owner: '',
  roles: [],
  scopes: [],
  broker: false,
  revision: 1,
};

describe('a configuration that is saved', () => {
  const saved: PluginConfig = { ...config, replicas: 3, revision: 2 };

  it('is what is shown when nothing was typed meanwhile', () => {
    const draft = new ConfigDraft(config);
    draft.numbers['/replicas'] = '3';
    draft.why = 'more of it';
    const { sent } = draft;
    draft.settle(saved, sent);
    expect([draft.base, draft.numbers['/replicas'], draft.why]).toEqual([saved, '3', '']);
    expect(draft.read().patch).toEqual({});
  });

  it('leaves what was typed meanwhile, and no more than that, to be saved', () => {
    const draft = new ConfigDraft(config);
    draft.numbers['/replicas'] = '3';
    draft.why = 'more of it';
    const { sent } = draft;
    draft.autostart = !config.autostart;
    draft.why = 'and at once';
    draft.settle(saved, sent);
    expect([draft.base, draft.numbers['/replicas'], draft.why]).toEqual([saved, '3', 'and at once']);
    expect(draft.read().patch).toEqual({ autostart: !config.autostart });
  });
});

describe('a key that is saved', () => {
  it('leaves what was typed meanwhile', () => {
    const draft = new KeyDraft(key as unknown as ApiKey);
    draft.form.name = 'builds';
    const sent = structuredClone(draft.form);
    draft.form.owner = 'ada';
    draft.settle({ ...key, name: 'builds', revision: 2 } as unknown as ApiKey, sent);
    expect([draft.form.name, draft.form.owner, draft.isChanged]).toEqual(['builds', 'ada', true]);
    expect(draft.base?.revision).toBe(2);
    draft.settle(
      { ...key, name: 'builds', owner: 'ada', revision: 3 } as unknown as ApiKey,
      structuredClone(draft.form),
    );
    expect(draft.isChanged).toBe(false);
  });
});
