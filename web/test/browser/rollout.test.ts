import { isDeepStrictEqual } from 'node:util';
import { configDefaults, type PluginConfig } from '@bkg/sdk/protocol';
import type { Locator, Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { executablePath, listen, setStage, violations, type Stage } from './stage.ts';

let stage: Stage;

describe.skipIf(!executablePath)('replacing what runs, in a browser', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one));

  // Whatever a test leaves behind: version 1.0.0 runs, once, with its first settings.
  beforeEach(async () => {
    const { status, version, config } = await stage.mesh.read('tally');
    if (version !== '1.0.0' || !isFirst(config)) {
      // What does not run takes over all of it at once, and starts a single time.
      await stage.mesh.act('tally', 'stop');
      await stage.mesh.configure('tally', first);
      await stage.mesh.order('tally', 'swap', { version: '1.0.0', force: true });
    } else if (status === 'running') return;
    await stage.mesh.act('tally', 'start');
  }, 120_000);

  it('swaps to another version, by keyboard, and leaves a receipt', async () => {
    const page = await stage.open('/plugins/tally');
    await page.getByLabel('Version to run').selectOption('1.1.0');
    await page.getByLabel('Reason').fill('It counts faster.');
    const swap = page.getByRole('button', { name: 'Swap to 1.1.0' });
    // The page may still hear of what the answers before this have said.
    await expect.poll(() => swap.getAttribute('aria-disabled')).toBe('false');
    await swap.focus();
    const heard = await listen(page);
    await page.keyboard.press('Enter');
    const change = changeOf(page);
    await change.getByText('Last change: Swapped 1.0.0 → 1.1.0').waitFor({ timeout: 60_000 });
    await change.getByText('by nobody').waitFor();
    expect((await heard()).join('\n')).toMatch(
      /^Starting .*takes no invocations yet\.$[^]*^Swapped 1\.0\.0 → 1\.1\.0, took .*, nothing lost$/m,
    );
    await change.getByText('It counts faster.').waitFor();
    await change.getByText(/^ready in .* · self-test .* · replaced .*, which ended in /).waitFor();
    expect(await fact(change, 'Lost')).toBe('0');
    await page.getByRole('button', { name: /^Redeploy|^Swap to/ }).waitFor();
    expect(
      await page.getByLabel('Version to run').locator('option', { hasText: 'current' }).textContent(),
    ).toBe('1.1.0 (current)');
    // What took over answers, and the receipt is still there for who comes later.
    await page.reload();
    await change.getByText('Last change: Swapped 1.0.0 → 1.1.0').waitFor();
    await clean(page, 'swapped');
    expect(stage.complaints).toEqual([]);
  });

  it('shows what a new version would break, and swaps to it all the same when it is forced', async () => {
    const page = await stage.open('/plugins/tally');
    await page.getByLabel('Version to run').selectOption('2.0.0');
    const swap = page.getByRole('button', { name: 'Swap to 2.0.0' });
    await expect.poll(() => swap.getAttribute('aria-disabled')).toBe('false');
    await swap.click();
    const refusal = page.getByRole('alert').filter({ hasText: '2.0.0 breaks what callers rely on' });
    await refusal.waitFor({ timeout: 60_000 });
    await refusal.getByText('tally.count').first().waitFor();
    await refusal.getByText('It needs an input that callers do not send yet.').waitFor();
    await changeOf(page).getByText('Nothing has changed: 1.0.0 goes on serving.').waitFor();
    await clean(page, 'refused');

    await refusal.getByRole('button', { name: 'Swap to 2.0.0 all the same' }).click();
    await refusal.waitFor({ state: 'detached' });
    await changeOf(page).getByText('Last change: Swapped 1.0.0 → 2.0.0').waitFor({ timeout: 60_000 });
    await changeOf(page).getByText('Broken, and forced').waitFor();
    await page.close();
    answersForgiven();
    expect(stage.complaints).toEqual([]);
  });

  it('chooses a version for the next start of what is stopped, and claims nothing of it', async () => {
    await stage.mesh.act('tally', 'stop');
    const page = await stage.open('/plugins/tally');
    // Nothing is chosen for the reader.
    const choice = page.getByLabel('Version to run');
    expect(await choice.inputValue()).toBe('1.0.0');
    await page
      .getByText(
        /Start brings 1\.0\.0; choosing another here changes that\.\s+2\.0\.0 is newer and lies here\./,
      )
      .waitFor();
    expect(await page.getByRole('button', { name: 'Choose 1.0.0' }).getAttribute('aria-disabled')).toBe(
      'true',
    );
    await choice.selectOption('1.1.0');
    await page.getByRole('button', { name: 'Choose 1.1.0' }).click();
    await changeOf(page)
      .getByText('Last change: Chosen for the next start: 1.0.0 → 1.1.0')
      .waitFor({ timeout: 60_000 });
    await changeOf(page).getByText('not tested yet').waitFor();
    await page.getByText('Start brings 1.1.0;').waitFor();
    await clean(page, 'chosen');
    await stage.mesh.order('tally', 'scale', { replicas: 0 });
    const start = page.getByRole('button', { name: 'Start' });
    await expect.poll(() => start.getAttribute('aria-disabled')).toBe('true');
    await clean(page, 'none-wanted');
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('calls a swap that somebody stops neither a success nor a failure', async () => {
    const page = await stage.open('/plugins/tally');
    await page.getByLabel('Version to run').selectOption('1.1.0');
    await page.getByRole('button', { name: 'Swap to 1.1.0' }).click();
    await changeOf(page).getByText('it takes no invocations yet.').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await changeOf(page)
      .getByText('Last change: Swap ended by the order to stop it: 1.0.0 → 1.1.0')
      .waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Start' }).waitFor({ timeout: 60_000 });
    expect(await page.getByRole('alert').count()).toBe(0);
    await clean(page, 'stopped');
    await page.close();
    answersForgiven();
    expect(stage.complaints).toEqual([]);
  });

  it('has saved a configuration though somebody stops the plugin meanwhile', async () => {
    await stage.mesh.order('tally', 'swap', { version: '1.1.0' });
    const page = await stage.open('/plugins/tally/config');
    await page.getByLabel('step').fill('4');
    await page.getByRole('button', { name: 'Add variable' }).click();
    await page.keyboard.type('MOOD');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('being applied').waitFor();
    await page.getByRole('button', { name: 'Stop Tally' }).click();
    await page.getByText(/Saved as revision \d+\.\s+Nothing runs now/).waitFor({ timeout: 60_000 });
    expect(await page.getByLabel('step').inputValue()).toBe('4');
    await page.getByRole('button', { name: 'Start Tally' }).waitFor({ timeout: 60_000 });
    await page.close();
    answersForgiven();
    expect(stage.complaints).toEqual([]);
  });

  it('scales up and down, and says why there cannot be more', async () => {
    const page = await stage.open('/plugins/tally');
    const instances = page.getByRole('region', { name: 'Instances' });
    const number = instances.getByRole('spinbutton', { name: 'Instances' });
    const more = instances.getByRole('button', { name: 'One instance more' });
    await more.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    expect(await number.inputValue()).toBe('3');
    await instances.getByText(/^Starting \d…$/).waitFor();
    await expect.poll(() => instances.getByText('running since').count(), { timeout: 60_000 }).toBe(3);
    await instances.getByText('As many as there should be.').waitFor();
    await number.fill('65');
    await number.press('Enter');
    await instances.getByText('It can have 0 to 64 instances.').waitFor();
    expect(await number.inputValue()).toBe('3');
    await clean(page, 'scaled');
    await number.blur();
    await instances.getByText('As many as there should be.').waitFor();
    await number.fill('1');
    await number.press('Enter');
    await expect.poll(() => instances.getByText('running since').count(), { timeout: 60_000 }).toBe(1);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('saves a configuration, and says how it took effect', async () => {
    const page = await stage.open('/plugins/tally/config');
    await page.getByLabel('Invocations that wait').fill('12');
    await changes(page).getByText('/limits/max_queue').waitFor();
    await page.getByLabel('Reason').fill('Short queues.');
    await changes(page).getByText('It is taken over by the instances that run').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page
      .getByText(/Saved as revision \d+\.\s+It is in force: what runs took it over/)
      .waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: /^Revision \d+ .*in force.*Short queues\./ }).waitFor();

    // These need other instances.
    await page.getByRole('button', { name: 'Add variable' }).click();
    await page.keyboard.type('PATH');
    await page.getByText('PATH may not be set').waitFor();
    await page.getByLabel('Name of variable 1').fill('MOOD');
    await page.getByLabel('Value of MOOD').fill('good');
    await page.getByLabel('step').fill('2');
    await page.getByRole('button', { name: 'Reset Invocations that wait to default' }).click();
    await changes(page).getByText('its default').waitFor();
    await changes(page).getByText('Environment and settings: instances are replaced one by one').waitFor();
    await clean(page, 'changes');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/instance was replaced for it\.$/).waitFor({ timeout: 60_000 });
    expect(await page.getByLabel('Invocations that wait').inputValue()).toBe('1024');
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('says at its place what the schema of the settings does not take', async () => {
    const page = await stage.open('/plugins/tally/config');
    await page.getByLabel('step').fill('0');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Not saved: The settings do not fit their schema in 1 place.').waitFor();
    expect(await page.getByLabel('step').evaluate((field) => field === document.activeElement)).toBe(true);
    await page.getByRole('button', { name: 'Discard' }).click();
    expect(await page.getByLabel('step').inputValue()).toBe('1');
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('takes a new member into the settings, and saves it with all else and not before', async () => {
    const page = await stage.open('/plugins/tally/config');
    const sent: unknown[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') sent.push(request.postDataJSON());
    });
    await page.getByRole('button', { name: 'Add tags' }).click();
    for (const [name, value] of Object.entries({ colour: 'red', shape: 'round' })) {
      await page.getByLabel('Name of a new member of tags').fill(name);
      if (name === 'colour') await page.keyboard.press('Enter');
      else await page.getByRole('button', { name: 'Add member' }).click();
      await page.getByLabel(name).fill(value);
    }
    await changes(page).getByText('/settings/tags/shape').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^\s*Saved as revision/).waitFor({ timeout: 60_000 });
    expect(sent).toMatchObject([{ settings: { tags: { colour: 'red', shape: 'round' } } }]);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('tells what somebody else has changed meanwhile, and keeps what was typed', async () => {
    const page = await stage.open('/plugins/tally/config');
    await page.getByLabel('Invocations that wait').fill('12');
    await page.getByLabel('step').fill('7');
    await stage.mesh.configure('tally', {
      settings: { step: 3, label: 'theirs' },
      by: 'somebody else, as they say',
      why: 'For Monday.',
    });
    const conflict = page.getByRole('alert').filter({ hasText: 'Changed meanwhile' });
    await conflict.getByText(/by nobody at .*: For Monday\./).waitFor();
    await conflict.getByText('/settings/label').waitFor();
    await conflict.getByText('You changed /settings/step too: of these, yours stay.').waitFor();
    expect(await page.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true');
    await clean(page, 'conflict');
    // Other pages of the mesh do not make it forget.
    await page.getByRole('link', { name: 'Plugins', exact: true }).first().click();
    await page.getByRole('link', { name: 'Tally' }).click();
    await page.getByRole('link', { name: 'Config' }).click();
    await conflict.getByRole('button', { name: 'Keep my changes on top' }).click();
    await conflict.waitFor({ state: 'detached' });
    expect(await page.getByLabel('label').inputValue()).toBe('theirs');
    expect(await page.getByLabel('step').inputValue()).toBe('7');
    await page.getByLabel('Invocations at once').fill('3');
    await changes(page).getByText('/limits/max_concurrency').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^\s*Saved as revision/).waitFor({ timeout: 60_000 });
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('rolls configuration and version back together', async () => {
    const { revision } = await stage.mesh.configure('tally', {
      limits: { max_queue: 77 },
      why: 'The good one.',
    });
    await stage.mesh.order('tally', 'swap', { version: '1.1.0' });
    await stage.mesh.configure('tally', { limits: { max_queue: 5 } });
    const page = await stage.open('/plugins/tally/config');
    await page.getByRole('button', { name: new RegExp(`^Revision ${revision} .*The good one\\.`) }).click();
    await page.getByText('What it changed:').waitFor();
    await page.getByRole('button', { name: 'what is in force' }).click();
    await page.getByText('Rolling back would change:').waitFor();
    // The address leads others to the same view.
    expect(new URL(page.url()).search).toBe(`?rev=${revision}&against=now`);
    await page.getByRole('button', { name: 'Roll back to this' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('group', { name: 'What changes' }).innerText()).toMatch(
      /Version \/version[^/]*\b1\.1\.0\b[^/]*\b1\.0\.0\b[^]*Invocations that wait \/limits\/max_queue[^/]*5[^/]*77/,
    );
    const reason = dialog.getByLabel('Reason');
    expect(await reason.evaluate((field) => field === document.activeElement)).toBe(true);
    await clean(page, 'roll-back');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Roll back to this' }).click();
    await reason.fill('As it was.');
    await page.keyboard.press('Enter');
    await changeOf(page).getByText('Last change: Rolled back 1.1.0 → 1.0.0').waitFor({ timeout: 60_000 });
    await page
      .getByRole('button', { name: new RegExp(`in force.*brings back revision ${revision}.*As it was`) })
      .waitFor();
    expect(await page.getByLabel('Invocations that wait').inputValue()).toBe('77');
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it.each([
    { theme: 'light', width: 1280 },
    { theme: 'dark', width: 1280 },
    { theme: 'light', width: 360 },
    { theme: 'dark', width: 360 },
  ] as const)('is accessible and fits: $theme, $width px', async ({ theme, width }) => {
    // One that ran to its end, whose receipt has all there is to lay out.
    const { rollout } = await stage.mesh.read('tally');
    if (rollout?.state !== 'done' || rollout.verb !== 'swap' || rollout.instances.length === 0)
      await stage.mesh.order('tally', 'swap', { version: '1.0.0' });
    const page = await stage.page({ colorScheme: theme, viewport: { width, height: 800 } });
    for (const path of ['/plugins/tally', '/plugins/tally/config']) {
      await page.goto(stage.mesh.url + path);
      await page.locator('summary', { hasText: 'Last change' }).click();
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        path,
      ).toBeLessThanOrEqual(0);
      await clean(page, `${path.replaceAll(/\W+/g, '-')}-${theme}-${width}`);
    }
    await page.close();
    expect(stage.complaints).toEqual([]);
  });
});

const first = { replicas: 1, settings: { step: 1, label: null, tags: null }, limits: null, env: null };

function isFirst({ replicas, settings, limits, env }: PluginConfig): boolean {
  const wanted = { ...first, settings: { step: 1 }, limits: configDefaults.limits, env: {} };
  return isDeepStrictEqual({ replicas, settings, limits, env }, wanted);
}

function changeOf(page: Page): Locator {
  return page.locator('details').filter({ has: page.locator('summary', { hasText: / by / }) });
}

function changes(page: Page): Locator {
  return page.getByRole('region', { name: 'What changes' });
}

/** A figure of a receipt. */
async function fact(change: Locator, name: string): Promise<string | null> {
  return change.locator('dl > div', { hasText: name }).locator('dd').textContent();
}

/** Chromium itself writes a line for every answer of 400 and above. */
function answersForgiven(): void {
  stage.forgive(/status of [45]\d\d/);
}

async function clean(page: Page, name: string): Promise<void> {
  await stage.picture(page, name);
  expect(await violations(page), name).toEqual([]);
}
