import { parseScope } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { scopeOfNeed, scopesOf, whyNotAllowed } from '../../src/lib/access/allowed.ts';
import { keyMistake } from '../../src/lib/access/key-text.ts';
import { nextOf, signInTo } from '../../src/lib/access/paths.ts';
import { refusals } from '../../src/lib/access/refusals.ts';
import { hideTicket, takeTicket, ticketOf, type Addressed } from '../../src/lib/access/ticket.ts';
import { request } from '../../src/lib/request.ts';

const origin = 'http://localhost:43119';

describe('where signing in leads', () => {
  it.each(['/plugins/candle/logs?level=warn&q=a%20b', '/keys', '/activity?who=bkg'])(
    'is the page that somebody came from: %s',
    (path) => {
      const signIn = new URL(signInTo(new URL(path, origin)), origin);
      expect(signIn.pathname).toBe('/sign-in');
      expect(nextOf(signIn.searchParams.get('next'), origin)).toBe(path);
    },
  );

  it.each([
    null,
    '',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    '/%2e//evil.example',
    'https://evil.example/plugins',
    'javascript:alert(1)',
    'plugins',
    '/sign-in',
    '/sign-in?next=/keys',
    '/',
  ])('is the list of plugins when the address says %j', (next) => {
    expect(nextOf(next, origin)).toBe('/plugins');
  });

  it('stays with this page whatever stands in the path', () => {
    for (const next of ['/@evil.example', '/keys#//evil.example', '/plugins?x=//evil.example']) {
      expect(new URL(nextOf(next, origin), origin).origin).toBe(origin);
    }
  });

  it('leaves the address of the sign-in page short when there is nothing to come back to', () => {
    expect(signInTo(new URL('/plugins', origin))).toBe('/sign-in');
    expect(signInTo(new URL('/sign-in?next=/keys', origin))).toBe('/sign-in');
  });
});

describe('the ticket of a sign-in link', () => {
  function windowAt(address: string) {
    const { hash, pathname, search } = new URL(address, origin);
    const replaced: unknown[] = [];
    const one: Addressed = {
      location: { hash, pathname, search },
      history: { state: { kept: true }, replaceState: (...what: unknown[]) => replaced.push(what) },
    };
    return { one, replaced };
  }

  it('is taken out of the address and the history, and given out once', () => {
    const { one, replaced } = windowAt('/sign-in?next=/keys#ticket=abc123');
    hideTicket(one);
    expect(replaced).toEqual([[{ kept: true }, '', '/sign-in?next=/keys']]);
    expect(takeTicket()).toBe('abc123');
    expect(takeTicket()).toBeUndefined();
  });

  it('leaves other fragments alone', () => {
    const { one, replaced } = windowAt('/plugins#main');
    hideTicket(one);
    expect(replaced).toEqual([]);
    expect(takeTicket()).toBeUndefined();
    expect(ticketOf('')).toBeUndefined();
  });
});

describe('what a key may do', () => {
  const scopes = ['read', 'control:candle', 'invoke:candle:model.*'].map(parseScope);

  it('is offered by its scopes', () => {
    expect(whyNotAllowed(scopes, { verb: 'control', plugin: 'candle' })).toBeUndefined();
    expect(
      whyNotAllowed(scopes, { verb: 'invoke', plugin: 'candle', capability: 'model.infer' }),
    ).toBeUndefined();
    expect(whyNotAllowed(scopes, { verb: 'control', plugin: 'tally' })).toBe(
      'Your key may not do this: it has no scope control:tally.',
    );
    expect(whyNotAllowed(scopes, { verb: 'invoke', plugin: 'candle', capability: 'text.say' })).toContain(
      'invoke:candle:text.say',
    );
  });

  it('needs admin for the plugin that keeps the keys, and for the mesh', () => {
    expect(scopeOfNeed({ verb: 'control', plugin: 'apikeys' })).toBe('admin');
    expect(scopeOfNeed({ verb: 'read', plugin: 'apikeys' })).toBe('read:apikeys');
    const everything = ['read', 'control', 'invoke'].map(parseScope);
    expect(whyNotAllowed(everything, { verb: 'control', plugin: 'apikeys' })).toContain('no scope admin.');
    expect(whyNotAllowed(everything, { verb: 'admin' })).toContain('no scope admin.');
    expect(whyNotAllowed([parseScope('admin')], { verb: 'control', plugin: 'apikeys' })).toBeUndefined();
  });

  it('counts scopes that this page knows, and no others', () => {
    expect(scopesOf({ scopes: ['read', 'teleport:candle', ''] })).toEqual([parseScope('read')]);
  });
});

describe('a key that is typed', () => {
  const whole = `bkg_Kabcdefgh2_${'a'.repeat(52)}`;

  it('is taken with blanks around it', () => {
    expect(keyMistake(`  ${whole}\n`)).toBe('');
  });

  it.each([
    ['', 'Here goes the whole key'],
    ['Kabcdefgh2', 'only the prefix'],
    ['hunter2', 'one begins with bkg_K'],
    [whole.slice(0, -1), 'one has 67 signs, and this has 66'],
  ])('that is none is not sent, and not said again: %j', (text, words) => {
    const mistake = keyMistake(text);
    expect(mistake).toContain(words);
    if (text) expect(mistake).not.toContain(text);
  });
});

describe('an answer that says no', () => {
  async function told(path: string, status: number): Promise<number> {
    let count = 0;
    const end = refusals.on(() => (count += 1));
    await request(path, { timeoutMs: 1_000, fetch: async () => new Response('', { status }) });
    end();
    return count;
  }

  it('makes the page look who is signed in', async () => {
    expect(await told('/api/plugins', 401)).toBe(1);
    expect(await told('/api/plugins/candle/stop', 403)).toBe(1);
  });

  it('does not when it is about something else, or about the session itself', async () => {
    expect(await told('/api/plugins', 404)).toBe(0);
    expect(await told('/api/session', 401)).toBe(0);
  });
});
