import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executablePath, listen, setStage, violations, type Stage } from './stage.ts';

const byHand = fileURLToPath(new URL('by-hand.ts', import.meta.url));

let stage: Stage;

describe.skipIf(!executablePath)('what a browser shows of the states', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one));

  it.each(['/plugins', '/plugins/forms'])(
    'keeps the keyboard in its place when a plugin stops and starts, and says the outcome once: %s',
    async (path) => {
      await stage.mesh.act('forms', 'start');
      const page = await stage.open(path);
      const stop = page.getByRole('button', { name: 'Stop Forms' });
      const start = page.getByRole('button', { name: 'Start Forms' });
      await stop.focus();
      const heard = await listen(page);
      await page.keyboard.press('Enter');
      await expect.poll(() => hasFocus(start), { timeout: 20_000 }).toBe(true);
      await page.keyboard.press('Enter');
      // A start under way can be stopped: the button comes first, and the keyboard follows when it runs.
      await expect.poll(() => hasFocus(stop), { timeout: 20_000 }).toBe(true);
      const outcomes = async () =>
        (await heard()).filter((text) => /started|running|stopped/.test(text)).join();
      await expect
        .poll(outcomes)
        .toBe(path === '/plugins' ? 'Forms was stopped.,Forms was started.' : 'stopped,running');
      await page.close();
    },
  );

  it('offers no start of what somebody else ran and has ended', async () => {
    const program = await stage.mesh.runByHand(byHand);
    const page = await stage.open('/plugins/by-hand');
    await page.getByRole('status').getByText('running', { exact: true }).waitFor();
    await page.getByRole('heading', { level: 1, name: 'By hand' }).waitFor();
    program.kill('SIGTERM');
    await page.getByText('whoever ran it can start it.').waitFor({ timeout: 30_000 });
    await page.locator('summary', { hasText: 'say' }).waitFor();
    expect(await page.getByRole('button', { name: /^Start/ }).count()).toBe(0);
    await clean(page);
    await page.close();
  });

  it('knows what a plugin that was run by hand and killed said of itself, and whose it is', async () => {
    const program = await stage.mesh.runByHand(byHand);
    const page = await stage.open('/plugins/by-hand');
    await page.getByRole('status').getByText('running', { exact: true }).waitFor();
    await page.getByRole('heading', { level: 1, name: 'By hand' }).waitFor();
    program.kill('SIGKILL');
    await page.getByRole('status').getByText('error', { exact: true }).waitFor({ timeout: 30_000 });
    await page.getByRole('heading', { level: 1, name: 'By hand' }).waitFor();
    await page.getByText('Somebody runs it beside the mesh.').waitFor();
    await page.getByText('whoever runs it can see what is wrong and start it again').waitFor();
    await page.locator('summary', { hasText: 'say' }).waitFor();
    const text = await page.getByRole('main').innerText();
    expect(text).toMatch(/no heartbeat since \d\d:\d\d:\d\d/);
    expect(text).toMatch(/error · started at \d\d:\d\d:\d\d/);
    expect(text).not.toMatch(/\d{4}-\d\d-\d\dT|Start it/);
    await clean(page);
    await page.goto(`${stage.mesh.url}/plugins`);
    await page
      .getByRole('article', { name: 'By hand' })
      .getByText(/^no heartbeat since/)
      .waitFor();
    await clean(page);
    await page.close();
  });

  it('says that the broker is away, and not that the supervisor is', async () => {
    const page = await stage.open('/plugins');
    await page.getByRole('article', { name: 'Forms' }).waitFor();
    await stage.mesh.without('nats-server', async () => {
      await page.getByText(/The broker at nats:\S+ is away/).waitFor();
      expect(await page.getByText('The supervisor has been silent').count()).toBe(0);
      await clean(page);
    });
    await page.getByText(/The broker at/).waitFor({ state: 'detached', timeout: 30_000 });
    await page.close();
  });

  it('says that the supervisor is silent when only that is missing', async () => {
    const page = await stage.open('/plugins');
    await page.getByRole('article', { name: 'Forms' }).waitFor();
    await stage.mesh.without('supervisor', async () => {
      await page.getByText('The supervisor has been silent since').waitFor({ timeout: 60_000 });
      await clean(page);
    });
    await page.getByText('The supervisor has been silent').waitFor({ state: 'detached', timeout: 30_000 });
    await page.close();
  });
});

/** False while there is no such button. */
async function hasFocus(button: Locator): Promise<boolean> {
  return (await button.count()) === 1 && button.evaluate((one) => one === document.activeElement);
}

async function clean(page: Page): Promise<void> {
  expect(await violations(page)).toEqual([]);
}
