import { describe, expect, it } from 'vitest';
import { isAllowed, parseScope, scopeProblem } from '../../src/protocol/scopes.ts';
import type { Need } from '../../src/protocol/scopes.ts';

const allows = (scopes: string[], need: Need): boolean => isAllowed(scopes.map(parseScope), need);

describe('a scope', () => {
  it.each<[string, Need, boolean]>([
    ['read', { verb: 'read' }, true],
    ['read', { verb: 'read', plugin: 'candle' }, true],
    ['read:candle', { verb: 'read' }, true],
    ['read:candle', { verb: 'read', plugin: 'candle' }, true],
    ['read:candle', { verb: 'read', plugin: 'candles' }, false],
    ['read', { verb: 'invoke', plugin: 'candle', capability: 'a' }, false],
    ['invoke', { verb: 'invoke', plugin: 'candle', capability: 'model.load' }, true],
    ['invoke:candle', { verb: 'invoke', plugin: 'candle', capability: 'model.load' }, true],
    ['invoke:*:model.load', { verb: 'invoke', plugin: 'candle', capability: 'model.load' }, true],
    ['invoke:*:model.load', { verb: 'invoke', plugin: 'candle', capability: 'model.loads' }, false],
    ['invoke:candle:model.*', { verb: 'invoke', plugin: 'candle', capability: 'model.load' }, true],
    ['invoke:candle:model.*', { verb: 'invoke', plugin: 'candle', capability: 'model.load.all' }, true],
    ['invoke:candle:model.*', { verb: 'invoke', plugin: 'candle', capability: 'model' }, false],
    ['invoke:candle:model.*', { verb: 'invoke', plugin: 'candle', capability: 'models.load' }, false],
    ['invoke:candle:model.*', { verb: 'invoke', plugin: 'other', capability: 'model.load' }, false],
    ['control:candle', { verb: 'control', plugin: 'candle' }, true],
    ['control:candle', { verb: 'read', plugin: 'candle' }, false],
    ['control', { verb: 'control', plugin: 'apikeys' }, false],
    ['control:apikeys', { verb: 'control', plugin: 'apikeys' }, false],
    ['invoke', { verb: 'invoke', plugin: 'apikeys', capability: 'key.create' }, false],
    ['read', { verb: 'read', plugin: 'apikeys' }, true],
    ['control', { verb: 'admin' }, false],
    ['admin', { verb: 'control', plugin: 'apikeys' }, true],
    ['admin', { verb: 'admin' }, true],
    ['admin', { verb: 'invoke', plugin: 'candle', capability: 'a' }, true],
  ])('%s and the need of %j: %s', (scope, need, expected) => {
    expect(allows([scope], need)).toBe(expected);
    expect(allows(['serve:elsewhere', scope], need)).toBe(expected);
  });

  it('is needed for everything', () => {
    expect(allows([], { verb: 'read' })).toBe(false);
  });

  it.each([
    ['', 'the verb is one of'],
    ['write', 'the verb is one of'],
    ['READ', 'the verb is one of'],
    ['read:Candle', 'neither a plugin id nor *'],
    ['read:', 'neither a plugin id nor *'],
    ['read:candle:model.load', 'only invoke takes a capability'],
    ['invoke:candle:', 'no capability id'],
    ['invoke:candle:*.load', 'no capability id'],
    ['invoke:candle:model.>', 'no capability id'],
    ['invoke:candle:model*', 'no capability id'],
    ['invoke:a:b:c', 'at most three parts'],
    ['admin:*', 'takes no plugin'],
    ['serve', 'needs the id of the plugin'],
    ['serve:*', 'needs the id of the plugin'],
    ['serve:apikeys', 'is served by what bkg has launched only'],
  ])('is not %j', (text, why) => {
    expect(scopeProblem(text)).toContain(why);
    expect(scopeProblem(text)).toContain('<verb>[:<plugin>[:<capability>]]');
    expect(() => parseScope(text)).toThrow('is no scope');
  });
});
