import { BkgError, configDefaults } from '@bkg/sdk';
import type { JsonSchema, PluginConfig } from '@bkg/sdk';
import { hostileSchemas } from '@bkg/sdk/testing';
import { expect, it } from 'vitest';
import { changedConfig, readConfigChange } from '../src/config/config-change.ts';

const current: PluginConfig = { id: 'echo', ...configDefaults, replicas: 1, revision: 4 };

/** The settings that it takes, or the code of its refusal. */
function ordered(settings: unknown, schema: unknown): unknown {
  try {
    const change = readConfigChange('echo', { revision: 4, settings });
    return changedConfig(current, change, current, schema as JsonSchema).settings;
  } catch (error) {
    if (error instanceof BkgError) return error.code;
    throw error;
  }
}

it.each(hostileSchemas)(
  'settings are taken or refused in a moment when their schema has $what, and others are as ever',
  { timeout: 60_000 },
  ({ schema, payload }) => {
    const given: unknown = JSON.parse(payload);
    const began = performance.now();
    const answer = ordered(given, schema);
    // Its own deadline is a second.
    expect(performance.now() - began).toBeLessThan(10_000);
    if (typeof answer === 'string') expect(['CONFLICT', 'INVALID_PAYLOAD']).toContain(answer);
    // Whoever was cut off leaves nothing behind.
    const good = { properties: { depth: { type: 'integer', uniqueItems: true } } };
    expect(ordered({ depth: 1 }, good)).toEqual({ depth: 1 });
    expect(ordered({ depth: 'x' }, good)).toBe('INVALID_PAYLOAD');
  },
);
