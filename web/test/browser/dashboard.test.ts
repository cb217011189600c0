import { AxeBuilder } from '@axe-core/playwright';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startMesh, type Mesh } from './mesh.ts';

const executablePath = process.env.BKG_CHROMIUM;

let mesh: Mesh;
let browser: Browser;
let pictures: string;
/** What the browser complained about in this test. */
const complaints: string[] = [];

// Without a browser there is nothing to test; .ci/run says so when it skips this.
describe.skipIf(!executablePath)('the dashboard in a browser', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    mesh = await startMesh();
    pictures = await mkdtemp(join(tmpdir(), 'bkg-pictures-'));
    browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    console.log(`pictures: ${pictures}`);
  }, 120_000);

  beforeEach(() => {
    complaints.length = 0;
  });

  afterAll(async () => {
    await browser?.close();
    await mesh?.stop();
  }, 60_000);

  it('starts candle, invokes it, shows its log and stops it', async () => {
    const page = await open('/');
    await page.waitForURL('**/plugins');
    const card = page.getByRole('article', { name: 'Candle' });
    await card.getByText('stopped', { exact: true }).waitFor();
    await card.getByRole('button', { name: /^Start/ }).click();
    // At once, whether in the click's own word or already in the mesh's.
    await card
      .getByText(/^starting/i)
      .first()
      .waitFor({ timeout: 1_000 });
    await card.getByText('running', { exact: true }).waitFor({ timeout: 60_000 });
    await card.getByText(/^\d+(\.\d+)? MB$/).waitFor();

    await card.getByRole('link', { name: 'Candle' }).click();
    await page.getByRole('heading', { level: 1, name: 'Candle' }).waitFor();
    const infer = page.locator('summary', { hasText: 'model.infer' });
    await infer.click();
    await page.getByRole('heading', { name: 'Input' }).first().waitFor();
    expect(await page.title()).toBe('Candle · bkg');

    await page.getByRole('link', { name: 'Invoke model.infer' }).click();
    const payload = page.getByRole('textbox', { name: /^Payload of model\.infer/ });
    expect(JSON.parse(await payload.inputValue())).toEqual({ input: 'Guten Morgen' });
    await payload.press('Control+Enter');
    const answer = page.getByRole('group', { name: 'Answer' });
    await answer.waitFor({ timeout: 30_000 });
    expect(JSON.parse((await answer.textContent()) ?? '')).toMatchObject({ output: 'de' });

    await page.getByRole('link', { name: 'Logs' }).click();
    await page.getByRole('listbox').getByRole('option').first().waitFor();

    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('status').getByText('stopped', { exact: true }).waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: /^Start/ }).waitFor();
    await page.close();
    expect(complaints).toEqual([]);
  });

  it('shows log lines as they arrive', async () => {
    await mesh.act('candle', 'stop');
    const page = await open('/plugins/candle/logs');
    const count = page.getByText(/^\s*[\d,]+ lines?\s*$/);
    const lines = async () => parseInt((await count.textContent())?.replaceAll(',', '') ?? '', 10);
    await page.getByRole('listbox').getByRole('option').first().waitFor();
    const before = await lines();
    expect(before).toBeGreaterThan(0);
    await mesh.act('candle', 'start');
    await expect.poll(lines, { timeout: 15_000 }).toBeGreaterThan(before);
    await page.close();
    expect(complaints).toEqual([]);
  });

  it('shows what is wrong with a payload, and where', async () => {
    await mesh.act('candle', 'start');
    const page = await open('/plugins/candle/invoke?cap=model.infer');
    const payload = page.getByRole('textbox', { name: /^Payload of/ });
    await payload.fill('{"input": ');
    await page.getByRole('button', { name: 'Invoke' }).click();
    await page.getByText(/^Not sent\. Line 1, column 11/).waitFor();
    await payload.fill('{"input": 9007199254740993}');
    const [request] = await Promise.all([
      page.waitForRequest(/\/invoke\/model\.infer$/),
      page.getByRole('button', { name: 'Invoke' }).click(),
    ]);
    expect(request.postData()).toBe('{"input": 9007199254740993}');
    await page.getByText('INVALID_PAYLOAD').first().waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: '/input' }).click();
    expect(
      await payload.evaluate((area: HTMLTextAreaElement) =>
        area.value.slice(area.selectionStart, area.selectionEnd),
      ),
    ).toBe('9007199254740993');
    await page.close();
    // Chromium itself writes a line for every answer of 400 and above.
    complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes('status of 400')));
    expect(complaints).toEqual([]);
  });

  it('opens every page by its address, and says so when there is nothing', async () => {
    const page = await open('/plugins/candle/logs?level=warn&q=model');
    await page.getByRole('listbox').waitFor();
    expect(await page.getByLabel('Level').inputValue()).toBe('warn');
    expect(await page.getByLabel('Contains').inputValue()).toBe('model');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Candle' }).waitFor();
    expect(await page.getByLabel('Level').inputValue()).toBe('warn');
    await page.goto(`${mesh.url}/plugins/nobody`);
    await page.getByRole('heading', { name: 'There is no plugin nobody' }).waitFor();
    await page.goto(`${mesh.url}/nowhere`);
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.close();
    complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes('status of 404')));
    expect(complaints).toEqual([]);
  });

  it('says that the gateway is away and comes back by itself', async () => {
    const page = await open('/plugins/candle/logs');
    await pill(page, /^Live$/);
    const away = pill(page, /^(Reconnecting|Offline)$/);
    await mesh.killGateway();
    await away;
    await pill(page, /^Live$/);
    // Live means that changes come through again, not only that a word changed.
    await mesh.act('candle', 'stop');
    await page.getByRole('status').getByText('stopped', { exact: true }).waitFor();
    await mesh.act('candle', 'start');
    await page.getByRole('status').getByText('running', { exact: true }).waitFor();
    await page.close();
    // A gateway that is not there is a complaint of the browser's, and what this test is about.
    complaints.length = 0;
  });

  it.each([
    { theme: 'light', width: 1280 },
    { theme: 'dark', width: 1280 },
    { theme: 'light', width: 360 },
    { theme: 'dark', width: 360 },
  ] as const)('is accessible and fits: $theme, $width px', async ({ theme, width }) => {
    const options = { colorScheme: theme, viewport: { width, height: 800 } };
    for (const path of [
      '/plugins',
      '/plugins/candle',
      '/plugins/candle/invoke?cap=model.infer',
      '/plugins/candle/logs',
    ]) {
      const page = await open(path, options);
      await pill(page, /^Live$/);
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        path,
      ).toBeLessThanOrEqual(0);
      await page.screenshot({
        path: join(pictures, `${path.replaceAll(/\W+/g, '-')}-${theme}-${width}.png`),
        fullPage: true,
      });
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
        .analyze();
      expect(
        violations.map(({ id, nodes }) => `${path} ${id}: ${nodes.map(({ html }) => html).join(' ')}`),
      ).toEqual([]);
      await page.close();
    }
    expect(complaints).toEqual([]);
  });

  it('keeps a chosen theme over a reload', async () => {
    const page = await open('/plugins', { colorScheme: 'light' });
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.getByRole('button', { name: /Switch to light/ }).click();
    await page.getByRole('button', { name: /Switch to dark/ }).click();
    const dark = await paper();
    expect(dark).not.toBe(light);
    await page.reload();
    expect(await paper()).toBe(dark);
    await page.close();
  });

  it('loads little and nothing from elsewhere', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    await page.goto(`${mesh.url}/plugins`);
    await pill(page, /^Live$/);
    expect(
      addresses.filter((address) => !address.startsWith(mesh.url) && !address.startsWith('data:')),
    ).toEqual([]);
    const bytes = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.endsWith('.js'))
        .reduce((sum, entry) => sum + (entry as PerformanceResourceTiming).encodedBodySize, 0),
    );
    console.log(`JavaScript of /plugins: ${(bytes / 1024).toFixed(1)} KiB as sent`);
    expect(bytes).toBeLessThan(200 * 1024);
    await context.close();
  });
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  page.on('close', () => void context.close());
  await page.goto(mesh.url + path);
  return page;
}

async function pill(page: Page, phase: RegExp): Promise<void> {
  await page.getByRole('banner').getByRole('status').filter({ hasText: phase }).waitFor({ timeout: 30_000 });
}
