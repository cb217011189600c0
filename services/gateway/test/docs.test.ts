import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonSchema, Problem, RegistryEntry } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { html, prose } from '../src/openapi/docs/html.ts';
import { indexPage, pluginPage } from '../src/openapi/docs/pages.ts';
import { entryOf, startMesh } from './mesh.ts';
import type { TestMesh } from './mesh.ts';

const options = { origin: 'http://localhost:43119' };

function pluginWith(
  input_schema: JsonSchema,
  changes: Partial<RegistryEntry['capabilities'][number]> = {},
): RegistryEntry {
  const [capability] = entryOf('echo', 'running', { capabilities: ['text.say'] }).capabilities;
  return { ...entryOf('echo'), capabilities: [{ ...capability!, input_schema, ...changes }] };
}

/** The page as text: what is between the tags, with single spaces. */
function wordsOf(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll(/\s+/g, ' ');
}

describe('the page of a plugin', () => {
  it('tells of each capability what it takes, gives and how it fails, and how to call it', () => {
    const page = wordsOf(
      pluginPage(
        pluginWith(
          {
            type: 'object',
            required: ['text'],
            properties: {
              text: { type: 'string', minLength: 1, maxLength: 100, description: 'What is said.' },
              times: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 1 },
              tone: { enum: ['loud', 'low'] },
              since: { anyOf: [{ format: 'date-time' }, { pattern: '^[0-9]+s$' }] },
              parts: { type: 'array', items: { type: 'object', properties: { of: { type: 'boolean' } } } },
            },
          },
          {
            name: 'Say',
            description: 'Says it again.',
            idempotent: true,
            errors: { ECHO_TIRED: { number: 422, retryable: true, description: 'It is tired.' } },
          },
        ),
        options,
      ),
    );
    for (const words of [
      'Say idempotent',
      'POST /api/plugins/echo/invoke/text.say',
      'text text, 1 to 100 characters required – What is said.',
      'times whole number from 1 to 1,000,000 Default 1 .',
      'tone one of "loud" , "low"',
      'either text, date-time or text, ^[0-9]+s$',
      'parts list of object each of true or false',
      '422 ECHO_TIRED : It is tired.',
      '429 BUSY : Busy',
      'curl http://localhost:43119/api/plugins/echo/invoke/text.say',
      `-d '{"text":"text"}'`,
      'plugin.echo.invoke.text.say',
    ]) {
      expect(page).toContain(words);
    }
  });

  it('expands what refers to itself once', () => {
    const node = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } };
    const page = wordsOf(pluginPage(pluginWith({ $ref: '#/$defs/node', $defs: { node } }), options));
    expect(page).toContain('next node , as above');
  });

  it('ends, whatever a schema multiplies', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `d${i}`,
        {
          type: 'object',
          required: ['a', 'b', 'c'],
          properties: Object.fromEntries(
            ['a', 'b', 'c'].map((name) => [name, i < 39 ? { $ref: `#/$defs/d${i + 1}` } : {}]),
          ),
        },
      ]),
    );
    const schema = { $ref: '#/$defs/d0', $defs };
    const page = pluginPage(pluginWith(schema), options);
    expect(page.length).toBeLessThan(1_000_000);
  });

  it('shows what a plugin says as text and nothing else', () => {
    const evil = `</style></code></pre><script>alert(1)</script><img src=x onerror=alert(1)>"'&\u202e`;
    const schema = {
      type: 'object',
      required: [evil],
      title: evil,
      description: evil,
      properties: { [evil]: { enum: [evil], description: evil, default: evil } },
      patternProperties: { '<script>': { pattern: '<script>' } },
      examples: [{ [evil]: evil }],
    };
    const errors = { ECHO_X: { number: 404 as const, retryable: false, description: evil } };
    const plugin = {
      ...pluginWith(schema, { name: evil, description: evil, errors }),
      name: evil,
      version: evil,
      description: evil,
    };
    for (const page of [pluginPage(plugin, options), indexPage([plugin], options)]) {
      expect(page).not.toMatch(/<script|<img/);
      expect(page.match(/<\/style>/g)).toHaveLength(1);
    }
  });

  it('gives lines for a shell in which nothing is more than a text', () => {
    const page = wordsOf(pluginPage(pluginWith({ const: `it's; rm -rf $HOME` }), options));
    expect(page).toContain(String.raw`-d '"it'\''s; rm -rf $HOME"'`);
  });

  it('is rendered once for an entry and an address, and so is its place among all', () => {
    const plugin = pluginWith({});
    let reads = 0;
    const { capabilities } = plugin;
    Object.defineProperty(plugin, 'capabilities', { get: () => ((reads += 1), capabilities) });
    const pages = [pluginPage(plugin, options), indexPage([plugin], options)];
    expect(reads).toBeGreaterThan(0);
    reads = 0;
    expect([pluginPage(plugin, options), indexPage([plugin], options)]).toEqual(pages);
    expect(reads).toBe(0);
    const elsewhere = { origin: 'http://127.0.0.1:8080' };
    for (const page of [pluginPage(plugin, elsewhere), indexPage([plugin], elsewhere)]) {
      expect(page).toContain('curl http://127.0.0.1:8080/api/plugins');
      expect(page).not.toContain(options.origin);
    }
    const next = { ...plugin, name: 'Another', capabilities };
    expect(pluginPage(next, options)).toContain('Another');
    expect(indexPage([next], options)).toContain('Another');
  });

  it.each<[Partial<RegistryEntry>, string, string]>([
    [{ status: 'stopped' }, 'capabilities not known yet', 'known once it has run.'],
    [{ status: 'starting' }, 'capabilities not known yet', 'It is starting.'],
    [{ status: 'running' }, 'capabilities not known yet', 'It runs, but it has told of no capability yet.'],
    [
      { status: 'error', error: 'plugin.json is "no" JSON.' },
      'does not run',
      'It does not run: plugin.json is "no" JSON. Its capabilities are known once it has run.',
    ],
    [{ status: 'error', error: 'x'.repeat(5_000) }, 'does not run', `${'x'.repeat(1_000)}…. Its`],
  ])('says what is known of one without a capability: %j', (changes, count, why) => {
    const plugin: RegistryEntry = { ...entryOf('echo'), capabilities: [], ...changes };
    expect(wordsOf(indexPage([plugin], options))).toContain(`echo , ${count}`);
    const page = wordsOf(pluginPage(plugin, options));
    expect(page).toContain(why);
    expect(page).not.toContain('The lines to try');
  });

  it('says so when there is nothing to tell', () => {
    expect(wordsOf(indexPage([], options))).toContain('No plugin is known yet.');
  });
});

describe('a piece of HTML', () => {
  it('escapes what is put into it, unless that is one', () => {
    expect(html`<p>${'<b>'} ${html`<i>${'&'}</i>`} ${['"', undefined, 1]}</p>`.text).toBe(
      '<p>&lt;b&gt; <i>&amp;</i> &quot;1</p>',
    );
    expect(html`${prose('one `<a>`\n\ntwo')}`.text).toBe('<p>one <code>&lt;a&gt;</code></p><p>two</p>');
  });
});

describe('GET /api/docs', () => {
  let mesh: TestMesh;
  let browser: Browser | undefined;
  const executablePath = process.env['BKG_CHROMIUM'];

  beforeAll(async () => {
    mesh = await startMesh();
    const schema = {
      type: 'object',
      required: ['text', 'an_uncommonly_long_name_of_a_member_that_does_not_fit'],
      properties: {
        text: { type: 'string', description: 'What is said.' },
        an_uncommonly_long_name_of_a_member_that_does_not_fit: { $ref: '#/$defs/part' },
      },
      $defs: {
        part: { type: 'object', properties: { of: { type: 'array', items: { $ref: '#/$defs/part' } } } },
      },
    };
    await mesh.supervisor.put(
      pluginWith(schema, { name: 'Say', description: 'Says it again.', output_schema: schema }),
    );
    await mesh.supervisor.put(entryOf('other'));
    await eventually(() => mesh.app.catalog.ids().length === 2);
    if (executablePath) {
      browser = await chromium.launch({
        executablePath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      });
    }
  });
  afterAll(async () => {
    await browser?.close();
    await mesh[Symbol.asyncDispose]();
  });

  it('is a page that may run nothing and load nothing from elsewhere', async () => {
    for (const path of ['/api/docs', '/api/docs/echo']) {
      const response = await fetch(mesh.url + path);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/html; charset=utf-8',
      ]);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*|script-src/);
      const page = await response.text();
      expect(page).toContain(`curl ${mesh.url}/api/plugins`);
      const addresses = [...page.matchAll(/(?:href|src|url)\s*[=(]\s*["']?([^"')\s>]+)/g)].map(
        ([, address]) => address!,
      );
      expect(addresses.length).toBeGreaterThan(2);
      for (const address of addresses) expect(address).toMatch(/^[/#](?!\/)/);
    }
  });

  it('names the address of the gateway itself, in one form, and says so', async () => {
    const { port } = mesh;
    for (const url of ['/api/docs', '/api/docs/echo']) {
      const headers = { host: `LocalHost:${port}`, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil' };
      const { body } = await mesh.app.inject({ url, headers });
      expect(body).toContain(`curl http://localhost:${port}/api/plugins`);
      expect(wordsOf(body)).toContain(`the gateway itself, at http://localhost:${port} ; behind a proxy`);
    }
  });

  it('names the address that people use for who has come by it, and no other', () => {
    const at = { origin: 'https://mesh.example', isPublic: true };
    for (const page of [indexPage([pluginWith({})], at), pluginPage(pluginWith({}), at)]) {
      expect(page).toContain('curl https://mesh.example/api/plugins');
      expect(wordsOf(page)).toContain('The lines to try go to https://mesh.example');
      expect(page).not.toContain('behind a proxy');
    }
  });

  it('has a problem for a plugin that does not exist', async () => {
    for (const id of ['nobody', 'NO']) {
      const response = await fetch(`${mesh.url}/api/docs/${id}`);
      const problem = (await response.json()) as Problem;
      expect([response.status, problem.code]).toEqual([404, 'PLUGIN_NOT_FOUND']);
    }
  });

  const desk: BrowserContextOptions = { viewport: { width: 1_280, height: 800 }, colorScheme: 'light' };
  const phone: BrowserContextOptions = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' };
  // Without a browser there is nothing to test; .ci/run says so when it skips this.
  describe.skipIf(!executablePath)('in a browser', { timeout: 60_000 }, () => {
    it.each([
      ['/api/docs', desk],
      ['/api/docs', phone],
      ['/api/docs/echo', phone],
    ])('fits and breaks no policy: %s %j', async (path, look) => {
      const context = await browser!.newContext(look);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
      page.on('request', (request) => {
        if (!request.url().startsWith(mesh.url)) complaints.push(request.url());
      });
      await page.goto(mesh.url + path);
      expect(await page.evaluate('getComputedStyle(document.body).margin')).toBe('0px');
      for (const summary of (await page.locator('summary').all()).slice(0, 6)) await summary.click();
      const [wide, width] = await page.evaluate<[number, number]>(
        '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
      );
      expect(wide).toBeLessThanOrEqual(width);
      // Only the icon may be missing: it is the dashboard's, which is not built here.
      expect(complaints.filter((text) => !/status of (404|503)/.test(text))).toEqual([]);
      await context.close();
    });

    it.each([
      ['/api/docs', desk],
      ['/api/docs/echo', phone],
    ])('has no barrier: %s %j', async (path, look) => {
      // The checker is a script, which the page's own policy would refuse.
      const context = await browser!.newContext({ ...look, bypassCSP: true });
      const page = await context.newPage();
      await page.goto(mesh.url + path);
      const { violations } = await new AxeBuilder({ page }).analyze();
      const found = violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map((node) => node.html)]);
      expect(found).toEqual([]);
      await context.close();
    });
  });
});
