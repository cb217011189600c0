import { expect, it } from 'vitest';
import { isCapabilityId, isPluginId } from '../../src/protocol/names.ts';
import { isAllowed, parseScope, scopeProblem, scopeVerbs } from '../../src/protocol/scopes.ts';
import type { Need, Scope } from '../../src/protocol/scopes.ts';
import { createRandom } from '../../src/testing/random.ts';
import type { Random } from '../../src/testing/random.ts';

const plugins = ['candle', 'echo', 'a-b', 'apikeys'];
const capabilities = ['model', 'model.load', 'model.load.all', 'models', 'x'];

function randomScope({ pick, below, text }: Random): string {
  const parts = [
    pick([...scopeVerbs, 'invoke', 'invoke', 'write']),
    pick([...plugins, '*', '', text('a*:.', 3)]),
    pick([...capabilities, '*', 'model.*', 'model.load.*', '.*', text('am*:.', 4)]),
  ];
  return parts.slice(0, 1 + below(3)).join(':');
}

function scopeOrUndefined(text: string): Scope | undefined {
  try {
    return parseScope(text);
  } catch (error) {
    expect((error as Error).message).toBe(scopeProblem(text));
    return undefined;
  }
}

it('a scope is one or is refused with a sentence, and says the same when it is written whole', () => {
  let count = 0;
  for (let seed = 1; seed <= 5_000; seed += 1) {
    const text = randomScope(createRandom(seed));
    const scope = scopeOrUndefined(text);
    if (!scope) continue;
    count += 1;
    const { verb, plugin, capability } = scope;
    expect(plugin === '*' || isPluginId(plugin)).toBe(true);
    expect(isCapabilityId(capability.replace(/^\*$/, 'any').replace(/\.\*$/, ''))).toBe(true);
    const parts = [verb, plugin, capability];
    // A capability is for invoke only, and admin stands alone.
    const whole = parts.slice(0, verb === 'invoke' ? 3 : verb === 'admin' ? 1 : 2).join(':');
    expect(scopeOrUndefined(whole), text).toEqual(scope);
  }
  expect(count).toBeGreaterThan(1_000);
});

it('what some scopes allow more of them allow too, and what a whole needs its parts need', () => {
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const random = createRandom(seed);
    const scopes = Array.from({ length: 4 }, () => scopeOrUndefined(randomScope(random))).filter(
      (scope) => scope !== undefined,
    );
    const need: Need = {
      verb: random.pick(scopeVerbs),
      plugin: random.pick(plugins),
      capability: random.pick(capabilities),
    };
    const { verb, plugin = '' } = need;
    const alone = scopes.map((scope) => isAllowed([scope], need));
    expect(isAllowed(scopes, need), `seed ${seed}`).toBe(alone.includes(true));
    if (!alone.includes(true)) continue;
    expect(isAllowed(scopes, { verb, plugin }), `seed ${seed}`).toBe(true);
    expect(isAllowed(scopes, { verb }), `seed ${seed}`).toBe(true);
  }
});
