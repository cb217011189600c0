import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executablePath, setStage, violations, type Stage } from './stage.ts';

let stage: Stage;

describe.skipIf(!executablePath)('the dashboard in a browser', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one));

  it('starts candle, invokes it, shows its log and stops it', async () => {
    const page = await stage.open('/');
    // Its socket is open by then, and the one of the page that is loaded next is counted alone.
    await pill(page, /^Live$/);
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(new URL(socket.url()).pathname));
    await page.reload();
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
    expect(sockets).toEqual(['/ws']);

    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('status').getByText('stopped', { exact: true }).waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: /^Start/ }).waitFor();
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('shows log lines as they arrive', async () => {
    await stage.mesh.act('candle', 'stop');
    const page = await stage.open('/plugins/candle/logs');
    const count = page.getByText(/^\s*[\d,]+ lines?\s*$/);
    const lines = async () => parseInt((await count.textContent())?.replaceAll(',', '') ?? '', 10);
    await page.getByRole('listbox').getByRole('option').first().waitFor();
    const before = await lines();
    expect(before).toBeGreaterThan(0);
    await stage.mesh.act('candle', 'start');
    await expect.poll(lines, { timeout: 15_000 }).toBeGreaterThan(before);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('shows what is wrong with a payload, and where', async () => {
    await stage.mesh.act('candle', 'start');
    const page = await stage.open('/plugins/candle/invoke?cap=model.infer&view=json');
    const payload = page.getByRole('textbox', { name: /^Payload of/ });
    await payload.fill('{"input": ');
    await page.getByRole('button', { name: 'Invoke' }).click();
    await page.getByText(/^Not sent\. Line 1, column 11/).waitFor();
    await payload.fill('{"input": 9007199254740993}');
    // The page doubts it, and sends it all the same.
    await page.getByText('This is number; the schema wants string.').waitFor();
    const [request] = await Promise.all([
      page.waitForRequest(/\/invoke\/model\.infer$/),
      page.getByRole('button', { name: 'Invoke' }).click(),
    ]);
    expect(request.postData()).toBe('{"input": 9007199254740993}');
    const problem = page.getByRole('alert').filter({ hasText: 'INVALID_PAYLOAD' });
    await problem.getByRole('button', { name: '/input' }).click({ timeout: 30_000 });
    expect(
      await payload.evaluate((area: HTMLTextAreaElement) =>
        area.value.slice(area.selectionStart, area.selectionEnd),
      ),
    ).toBe('9007199254740993');
    await page.close();
    // Chromium itself writes a line for every answer of 400 and above.
    stage.forgive(/status of 400/);
    expect(stage.complaints).toEqual([]);
  });

  it('fills a payload in by form, with the keyboard alone, and keeps every digit', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order');
    const json = page.getByRole('textbox', { name: 'Payload of order, JSON' });
    const payload = async () => JSON.parse(await json.inputValue()) as Record<string, unknown>;
    const key = (name: string) => page.keyboard.press(name);

    await page.getByRole('button', { name: 'Reset' }).focus();
    await key('Tab');
    await key('End');
    await page.keyboard.type(' Lovelace');
    await expect.poll(async () => (await payload())['customer']).toEqual({ name: 'Ada Lovelace' });

    // Adding puts the keyboard into what was added; leaving out puts it back on what adds.
    await page.getByRole('button', { name: 'Add serial' }).focus();
    await key('Enter');
    await key('Control+A');
    await page.keyboard.type('9007199254740993');
    await expect.poll(() => json.inputValue()).toContain('"serial": 9007199254740993');
    await page.getByRole('button', { name: 'Add note' }).focus();
    await key('Enter');
    await page.getByRole('button', { name: 'Set to null for note' }).focus();
    await key('Enter');
    await expect.poll(async () => (await payload())['note']).toBeNull();
    await page.getByRole('button', { name: 'Leave out note' }).focus();
    await key('Enter');
    await expect.poll(async () => 'note' in (await payload())).toBe(false);

    await page.getByRole('button', { name: 'Move item 2 of items up' }).focus();
    await key('Enter');
    await expect.poll(async () => (await payload())['items']).toEqual([{ sku: 'B-2' }, { sku: 'A-1' }]);
    await page.getByLabel('Form of shipping').selectOption('Pick-up');
    await expect.poll(async () => (await payload())['shipping']).toEqual({ by: 'pickup', shop: 'North' });

    // From the JSON into the form, with a member that nobody described and numbers that JSON.parse would change.
    const text = (await json.inputValue()).replace(/}\s*$/, ', "more": [1.0, 1e400]}');
    await json.fill(text);
    expect(await page.getByRole('textbox', { name: 'more, JSON' }).inputValue()).toBe('[1.0, 1e400]');
    const [request] = await Promise.all([
      page.waitForRequest(/\/invoke\/order$/),
      page.getByLabel('serial').press('Control+Enter'),
    ]);
    expect(request.postData()).toBe(text);
    await page.getByRole('group', { name: 'Answer' }).getByText('"more"').waitFor({ timeout: 30_000 });
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('says at the field what does not fit, before anything is sent and after it was refused', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order');
    let sent = 0;
    page.on('request', (request) => (sent += request.url().includes('/invoke/') ? 1 : 0));
    const sku = page.getByRole('textbox', { name: 'sku' }).first();
    await sku.fill('nothing of the kind');
    await page.getByRole('button', { name: 'Add serial' }).click();
    await page.getByLabel('serial').fill('1,5');
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByText(/^Not sent: 2 places do not fit the schema/).waitFor();
    expect(await sku.evaluate((field) => field === document.activeElement)).toBe(true);
    expect(await sku.getAttribute('aria-invalid')).toBe('true');
    await page.getByText('Not a number as JSON writes it').waitFor();
    expect(sent).toBe(0);

    await page.getByRole('button', { name: 'JSON', exact: true }).click();
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByRole('alert').getByText('INVALID_PAYLOAD').waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Form', exact: true }).click();
    await page.getByText('It does not match the pattern.').waitFor();
    await sku.fill('A-1');
    await page.getByText('It does not match the pattern.').waitFor({ state: 'detached' });

    await page.goto(`${stage.mesh.url}/plugins/forms/invoke?cap=endless`);
    await page
      .getByText('Not checked before sending: Checking against this schema takes too long.')
      .waitFor();
    await page.close();
    stage.forgive(/status of 400/);
    expect(stage.complaints).toEqual([]);
  });

  it('draws telemetry as it comes, as a table too, and keeps it from page to page', async () => {
    await stage.mesh.act('candle', 'start');
    const page = await stage.open('/plugins/candle/telemetry');
    await page.getByText('The figures as a table').click();
    const rows = page.getByRole('region', { name: 'Readings, newest first' }).getByRole('row');
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBeGreaterThan(2);
    for (const title of ['Requests', 'Errors', 'Latency', 'CPU', 'Memory', 'Event loop lag']) {
      await page.getByRole('heading', { name: title, exact: true }).waitFor();
    }
    const before = await rows.count();
    await page.getByRole('link', { name: 'Logs' }).click();
    await page.getByRole('listbox').waitFor();
    await page.getByRole('link', { name: 'Telemetry' }).click();
    await page.getByText('The figures as a table').click();
    await expect.poll(() => rows.count()).toBeGreaterThanOrEqual(before);
    // The slider is how the keyboard asks for a moment.
    await page.getByLabel('Moment').press('ArrowLeft');
    expect(await page.getByLabel('Moment').getAttribute('aria-valuetext')).not.toMatch(/^now/);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('shows a folder that is no plugin with its error and without buttons', async () => {
    const page = await stage.open('/plugins');
    const card = page.getByRole('article', { name: 'broken' });
    await card.getByText(/plugin\.json is not JSON/).waitFor();
    await card.getByText('It cannot be started before its error is mended.').waitFor();
    expect(await card.getByRole('button').count()).toBe(0);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('opens every page by its address, and says so when there is nothing', async () => {
    const page = await stage.open('/plugins/candle/logs?level=warn&q=model');
    await page.getByRole('listbox').waitFor();
    expect(await page.getByLabel('Level').inputValue()).toBe('warn');
    expect(await page.getByLabel('Contains').inputValue()).toBe('model');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Candle' }).waitFor();
    expect(await page.getByLabel('Level').inputValue()).toBe('warn');
    await page.goto(`${stage.mesh.url}/plugins/nobody`);
    await page.getByRole('heading', { name: 'There is no plugin nobody' }).waitFor();
    await page.goto(`${stage.mesh.url}/nowhere`);
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.close();
    stage.forgive(/status of 404/);
    expect(stage.complaints).toEqual([]);
  });

  it('says that the gateway is away and comes back by itself', async () => {
    const page = await stage.open('/plugins/candle/logs');
    await pill(page, /^Live$/);
    const away = pill(page, /^(Reconnecting|Offline)$/);
    await stage.mesh.killGateway();
    await away;
    await pill(page, /^Live$/);
    // Live means that changes come through again, not only that a word changed.
    await stage.mesh.act('candle', 'stop');
    await page.getByRole('status').getByText('stopped', { exact: true }).waitFor();
    await stage.mesh.act('candle', 'start');
    await page.getByRole('status').getByText('running', { exact: true }).waitFor();
    await page.close();
    // A gateway that is not there is a complaint of the browser's, and what this test is about.
    stage.complaints = [];
  });

  it.each([
    { theme: 'light', width: 1280 },
    { theme: 'dark', width: 1280 },
    { theme: 'light', width: 360 },
    { theme: 'dark', width: 360 },
  ] as const)('is accessible and fits: $theme, $width px', async ({ theme, width }) => {
    const page = await stage.page({ colorScheme: theme, viewport: { width, height: 800 } });
    for (const path of [
      '/plugins',
      '/plugins/candle',
      '/plugins/candle/telemetry',
      '/plugins/forms/invoke?cap=order',
      '/plugins/forms/invoke?cap=order&view=json',
      '/plugins/candle/logs',
      '/plugins/candle/config',
      '/plugins/broken',
    ]) {
      await page.goto(stage.mesh.url + path);
      await pill(page, /^Live$/);
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        path,
      ).toBeLessThanOrEqual(0);
      await stage.picture(page, `${path.replaceAll(/\W+/g, '-')}-${theme}-${width}`);
      expect(await violations(page), path).toEqual([]);
    }
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('keeps a chosen theme over a reload', async () => {
    const page = await stage.open('/plugins', { colorScheme: 'light' });
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
    const context = await stage.browser.newContext();
    const page = await context.newPage();
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    await page.goto(`${stage.mesh.url}/plugins`);
    await pill(page, /^Live$/);
    expect(
      addresses.filter((address) => !address.startsWith(stage.mesh.url) && !address.startsWith('data:')),
    ).toEqual([]);
    let bytes = 0;
    for (const address of new Set(addresses.filter((candidate) => candidate.endsWith('.js')))) {
      const response = await fetch(address);
      bytes += gzipSync(Buffer.from(await response.arrayBuffer()), { level: 9 }).length;
    }
    console.log(`JavaScript of /plugins: ${(bytes / 1024).toFixed(1)} KiB, compressed`);
    expect(bytes).toBeLessThan(120 * 1024);
    await context.close();
  });
});

async function pill(page: Page, phase: RegExp): Promise<void> {
  await page.getByRole('banner').getByRole('status').filter({ hasText: phase }).waitFor({ timeout: 30_000 });
}
