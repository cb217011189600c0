import { expect, it } from 'vitest';
import { configDefaults } from '@bkg/sdk';
import type { PluginCapability, RegistryEntry } from '@bkg/sdk';
import { unanswered } from '../src/mesh/unanswered.ts';

const entry = (capabilities: string[]): RegistryEntry => ({
  id: 'echo',
  name: 'Echo',
  version: '1.0.0',
  description: '',
  author: '',
  status: 'running',
  capabilities: capabilities.map((id) => ({ id }) as PluginCapability),
  config: { id: 'echo', ...configDefaults },
  instances: [],
  versions: [],
  observed_at: '',
});

it('a running plugin that nobody answers for either cannot do it, or is just coming or going', () => {
  expect(unanswered('echo', 'text.say', entry(['text.echo']), undefined, true)).toMatchObject({
    code: 'CAPABILITY_NOT_FOUND',
    message: 'echo has no capability "text.say"; it has text.echo.',
  });
  expect(unanswered('echo', 'text.say', entry(['text.say']), undefined, true).code).toBe(
    'PLUGIN_UNAVAILABLE',
  );
});

it('one of which it is not known yet what it can do may have it', () => {
  const { problem } = unanswered('echo', 'text.say', entry([]), undefined, true);
  expect(problem).toMatchObject({ code: 'PLUGIN_UNAVAILABLE', retryable: true });
});

it('who may not read the plugin is not told what else it can do, nor why it has failed', () => {
  expect(unanswered('echo', 'text.say', entry(['text.echo']), undefined, false).message).toBe(
    'echo has no capability "text.say".',
  );
  const failed: RegistryEntry = { ...entry(['text.say']), status: 'error', error: 'cannot read /srv/a' };
  expect(unanswered('echo', 'text.say', failed, undefined, true).message).toContain('/srv/a');
  expect(unanswered('echo', 'text.say', failed, undefined, false).message).toBe(
    'echo has failed; its log says why.',
  );
});
