import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executablePath, setStage, violations, type Stage } from './stage.ts';

const logsOfCandle = '**/api/plugins/candle/logs?*';

let stage: Stage;

describe.skipIf(!executablePath)('logs and what is not there, in a browser', { timeout: 60_000 }, () => {
  setStage((one) => (stage = one));

  it.each([
    { theme: 'light', width: 1280 },
    { theme: 'dark', width: 1280 },
    { theme: 'light', width: 360 },
    { theme: 'dark', width: 360 },
  ] as const)(
    'shows a chosen line in full within the window: $theme, $width px',
    async ({ theme, width }) => {
      const page = await stage.page({ colorScheme: theme, viewport: { width, height: 800 } });
      await page.route(logsOfCandle, (route) => route.fulfill({ json: { lines: linesOfEachLevel() } }));
      await page.goto(`${stage.mesh.url}/plugins/candle/logs`);
      const list = page.getByRole('listbox');
      const detail = page.getByRole('region', { name: 'The chosen line' });
      for (const level of ['debug', 'info', 'warn', 'error', 'fatal']) {
        await list.getByRole('option', { name: `${level} line 39` }).click();
        await detail.getByText(`a ${level} line 39`, { exact: true }).waitFor();
        expect(await isWithinWindow(page, 'section[aria-label="The chosen line"]'), level).toBe(true);
        expect(await isWithinWindow(page, '[role=option][aria-selected=true]'), level).toBe(true);
        expect(await violations(page), level).toEqual([]);
      }
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
      ).toBeLessThanOrEqual(0);
      await page.close();
    },
  );

  it('opens a line with Enter and closes it with Escape, back at the line', async () => {
    const page = await stage.page();
    await page.route(logsOfCandle, (route) => route.fulfill({ json: { lines: linesOfEachLevel() } }));
    await page.goto(`${stage.mesh.url}/plugins/candle/logs`);
    const list = page.getByRole('listbox');
    const detail = page.getByRole('region', { name: 'The chosen line' });
    await list.getByRole('option').first().waitFor();
    await list.focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    expect(await detail.count()).toBe(0);
    await page.keyboard.press('Enter');
    await expect.poll(() => detail.evaluate((one) => one === document.activeElement)).toBe(true);
    const chosen = await list.getAttribute('aria-activedescendant');
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'detached' });
    expect(await list.evaluate((one) => one === document.activeElement)).toBe(true);
    expect(await list.getAttribute('aria-activedescendant')).toBe(chosen);
    await page.close();
  });

  it('keeps an open line in view while others come, and follows again when it is closed', async () => {
    await stage.mesh.act('candle', 'stop');
    const page = await stage.page();
    await page.route(logsOfCandle, (route) => route.fulfill({ json: { lines: linesOfEachLevel() } }));
    await page.goto(`${stage.mesh.url}/plugins/candle/logs`);
    const list = page.getByRole('listbox');
    const newest = list.getByRole('option', { name: 'a fatal line 39' });
    await newest.click();
    const news = page.getByRole('button', { name: /^\d+ new$/ });
    const newCount = async () => parseInt((await news.textContent({ timeout: 10_000 })) ?? '', 10);
    for (const _ of [1, 2, 3]) {
      await stage.mesh.act('candle', 'start');
      await stage.mesh.act('candle', 'stop');
    }
    await expect.poll(newCount, { timeout: 10_000 }).toBeGreaterThan(8);
    expect(await newest.getAttribute('aria-selected')).toBe('true');
    expect(await isWithinWindow(page, '[role=option][aria-selected=true]')).toBe(true);
    await page.getByRole('button', { name: 'Close' }).click();
    await news.waitFor({ state: 'detached' });
    await list
      .getByRole('option')
      .last()
      .getByText(/ended|stopp/)
      .waitFor();
    await page.close();
  });

  it('reads the stored lines again by itself after the broker was away', async () => {
    const page = await stage.page();
    let away = true;
    await page.route(logsOfCandle, (route) =>
      away
        ? route.fulfill({ status: 503, contentType: 'application/problem+json', json: brokerAway })
        : route.fulfill({ json: { lines: linesOfEachLevel() } }),
    );
    await page.goto(`${stage.mesh.url}/plugins/candle/logs`);
    const note = page.getByRole('alert').filter({ hasText: 'The stored lines could not be read' });
    await note.waitFor();
    away = false;
    await note.waitFor({ state: 'detached', timeout: 10_000 });
    await page.getByRole('listbox').getByRole('option').first().waitFor();
    await page.close();
  });

  it('asks nothing of a plugin that does not exist, and leads back', async () => {
    const asked: string[] = [];
    const page = await stage.page();
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${stage.mesh.url}/plugins/nope/logs`);
    await page.getByRole('heading', { name: 'There is no plugin nope' }).waitFor();
    expect(await violations(page)).toEqual([]);
    expect(asked.filter((path) => path.startsWith('/api/plugins/nope'))).toEqual([]);
    expect(stage.complaints).toEqual([]);
    await page.getByRole('link', { name: 'All plugins', exact: true }).click();
    await page.getByRole('article', { name: 'Candle' }).waitFor();
    await page.close();
  });

  it('says that it loads before its script runs, and takes that away after', async () => {
    const page = await stage.page();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route('**/*.js', async (route) => {
      if (!route.request().url().endsWith('/theme.js')) await released;
      await route.continue();
    });
    await page.goto(`${stage.mesh.url}/plugins`, { waitUntil: 'commit' });
    const loading = page.locator('#boot');
    await loading.waitFor({ timeout: 5_000 });
    expect(await loading.textContent()).toMatch(/Loading the dashboard…/);
    release();
    await loading.waitFor({ state: 'detached' });
    await page.close();
  });

  it('says what to do where scripts are forbidden', async () => {
    const page = await stage.page({ javaScriptEnabled: false });
    await page.goto(`${stage.mesh.url}/plugins`);
    expect(await page.locator('noscript').innerText()).toMatch(/The dashboard needs JavaScript\./);
    expect(await page.locator('#boot').isVisible()).toBe(false);
    await page.close();
  });
});

const brokerAway = {
  type: 'about:blank',
  title: 'No broker',
  status: 503,
  detail: 'The broker is away.',
  code: 'PLUGIN_UNAVAILABLE',
  retryable: true,
};

function linesOfEachLevel(): object[] {
  const levels = ['debug', 'info', 'warn', 'error', 'fatal'];
  return Array.from({ length: 200 }, (_, i) => {
    const level = levels[i % levels.length];
    const time = new Date(Date.UTC(2026, 0, 1, 0, 0, i)).toISOString();
    const message = `a ${level} line ${Math.floor(i / levels.length)}`;
    return {
      time,
      level,
      plugin_id: 'candle',
      instance: 'A',
      source: 'sdk',
      message,
      some: { more: [1, 2] },
    };
  });
}

function isWithinWindow(page: Page, selector: string): Promise<boolean> {
  return page.locator(selector).evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
  });
}
