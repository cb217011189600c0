import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { executablePath, setStage, violations, type Stage } from './stage.ts';

let stage: Stage;

describe.skipIf(!executablePath)('the payload in a browser', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one));

  beforeAll(async () => {
    await stage.mesh.act('forms', 'start');
  }, 120_000);

  it('takes back what was typed and what buttons did, in one history, and does it again', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order');
    const json = jsonOf(page);
    const sample = await json.inputValue();
    const name = page.getByRole('textbox', { name: 'name' });
    await name.press('End');
    await name.pressSequentially(' Lovelace');
    await page.getByRole('button', { name: 'Add note' }).click();
    await page.getByLabel('Form of shipping').selectOption('Pick-up');
    await page.getByRole('button', { name: 'Remove item 2 of items' }).click();
    const changed = await json.inputValue();
    expect(JSON.parse(changed)).toMatchObject({
      customer: { name: 'Ada Lovelace' },
      items: [{ sku: 'A-1' }],
      shipping: { by: 'pickup' },
      note: '',
    });

    // From within a field of the form: the keyboard follows to what comes back.
    await name.focus();
    await page.keyboard.press('Control+z');
    await expect.poll(() => focused(page)).toBe('/items/1');
    await page.keyboard.press('Control+z');
    await expect.poll(async () => JSON.parse(await json.inputValue()).shipping.by).toBe('post');
    await page.keyboard.press('Control+z');
    await expect.poll(() => focused(page)).toBe('+/note');
    // All that was typed without a pause is one step, with the cursor where it was.
    await page.keyboard.press('Control+z');
    await expect.poll(() => focused(page)).toBe('/customer/name');
    expect(await json.inputValue()).toBe(sample);
    expect(await name.evaluate((field: HTMLInputElement) => field.selectionStart)).toBe('Ada'.length);
    expect(await undo(page).getAttribute('aria-disabled')).toBe('true');

    await page.keyboard.press('Control+y');
    for (let i = 0; i < 3; i++) await page.keyboard.press('Control+Shift+Z');
    await expect.poll(() => json.inputValue()).toBe(changed);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('takes back Format and Reset in the JSON, beside what is typed there', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order&view=json');
    const json = jsonOf(page);
    await json.fill('{"customer": 1e400, "b": [1.0]}');
    await json.press('End');
    await json.press('ArrowLeft');
    await json.pressSequentially(', "c": 2');
    const typed = '{"customer": 1e400, "b": [1.0], "c": 2}';
    await page.getByRole('button', { name: 'Format' }).click();
    const formatted = await json.inputValue();
    await json.press('End');
    await json.pressSequentially(' ');
    await page.getByRole('button', { name: 'Reset' }).click();
    for (const expected of [`${formatted} `, formatted, typed]) {
      await json.press('Control+z');
      if (expected !== `${formatted} `) expect(await json.inputValue()).toBe(expected);
    }
    await json.press('Control+z');
    expect(await json.inputValue()).toBe('{"customer": 1e400, "b": [1.0]}');
    // The cursor is where it was typed.
    await page.keyboard.type('!');
    expect(await json.inputValue()).toBe('{"customer": 1e400, "b": [1.0]!}');
    expect(await page.getByRole('button', { name: 'Redo' }).getAttribute('aria-disabled')).toBe('true');
    await undo(page).click();
    expect(await json.evaluate((area) => area === document.activeElement)).toBe(true);
    await undo(page).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => json.inputValue()).toContain('Unter den Linden');
    // The button keeps the keyboard when there is nothing more to undo.
    expect(await undo(page).evaluate((button) => button === document.activeElement)).toBe(true);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('obeys the undo of a context menu or a phone', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order&view=json');
    const json = jsonOf(page);
    const sample = await json.inputValue();
    await json.press('Control+End');
    await json.pressSequentially('x');
    await page.getByRole('button', { name: 'Reset' }).click();
    await json.focus();
    const session = await page.context().newCDPSession(page);
    const menu = (command: string) =>
      session.send('Input.dispatchKeyEvent', { type: 'keyDown', key: 'F13', commands: [command] });
    await menu('undo');
    await expect.poll(() => json.inputValue()).toBe(`${sample}x`);
    await menu('undo');
    await expect.poll(() => json.inputValue()).toBe(sample);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('has one undo for a JSON field too, and none for a name that is no part of the payload yet', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=report');
    const json = jsonOf(page);
    const raw = page.getByRole('textbox', { name: 'raw, JSON' });
    await raw.fill('{"any": [1.5, tru');
    await page.getByRole('button', { name: 'Add limit' }).click();
    // What is no JSON yet stays where it is, over other changes and back.
    await undo(page).click();
    expect(await raw.inputValue()).toBe('{"any": [1.5, tru');
    await raw.focus();
    await page.keyboard.press('Control+z');
    await expect.poll(() => raw.inputValue()).toContain('true');
    await page.keyboard.press('Control+y');
    await expect.poll(() => raw.inputValue()).toBe('{"any": [1.5, tru');
    await raw.fill('7');
    await page.getByRole('textbox', { name: 'country' }).focus();
    await expect.poll(async () => JSON.parse(await json.inputValue()).raw).toBe(7);
    await undo(page).click();
    await expect.poll(async () => JSON.parse(await json.inputValue()).raw).toEqual({ any: [1.5, true] });

    const member = page.getByRole('textbox', { name: 'Name of a new member of filters' });
    const before = await json.inputValue();
    await member.pressSequentially('abc');
    await page.keyboard.press('Control+z');
    expect(await json.inputValue()).toBe(before);
    expect(await member.inputValue()).not.toBe('abc');
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('keeps what was begun over other pages and a reload, until it is reset', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order');
    const json = jsonOf(page);
    const sample = await json.inputValue();
    const kept = () =>
      page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('bkg.')));
    expect(await kept()).toEqual([]);
    await page.getByRole('textbox', { name: 'name' }).fill('Grace');
    await page.getByRole('link', { name: 'Plugins', exact: true }).first().click();
    await page.waitForURL('**/plugins');
    await page.goBack();
    await expect.poll(async () => JSON.parse(await json.inputValue()).customer.name).toBe('Grace');
    await page.reload();
    await expect.poll(async () => JSON.parse(await json.inputValue()).customer.name).toBe('Grace');
    await page.getByRole('button', { name: 'Reset' }).click();
    await expect.poll(() => json.inputValue()).toBe(sample);
    expect(await kept()).toEqual([]);
    await undo(page).click();
    await expect.poll(async () => JSON.parse(await json.inputValue()).customer.name).toBe('Grace');

    await json.fill(`{"customer": {"name": "${'x'.repeat(200_000)}"}}`);
    await page.getByText('This payload cannot be kept').waitFor();
    expect(await kept()).toEqual([]);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('says each mistake once, and leads to it', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order&view=json');
    const json = jsonOf(page);
    await json.fill('{"customer": {}, "items": [{"sku": "bad"}], "shipping": {"by": "post", "street": "x"}}');
    await page.getByText('It does not match the pattern.').waitFor();
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    const alert = page.getByRole('alert').filter({ hasText: 'INVALID_PAYLOAD' });
    await alert
      .getByText('The payload does not fit in 2 places; what is wrong is said there.')
      .waitFor({ timeout: 30_000 });
    const said = page.getByText(/match the pattern|requires it|must have|required, not there/);
    const count = () => said.filter({ visible: true }).count();
    await expect.poll(count).toBe(2);
    await stage.picture(page, 'refused-json');
    await page.getByRole('button', { name: 'Form', exact: true }).click();
    await expect.poll(count).toBe(2);
    await stage.picture(page, 'refused-form');
    await alert.getByRole('button', { name: '/items/0/sku' }).click();
    expect(await focused(page)).toBe('/items/0/sku');
    await page.getByRole('textbox', { name: 'sku' }).fill('A-1');
    await alert.getByText(/pattern.*\(changed since\)/).waitFor();

    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByText(/^Not sent: 1 place does not fit/).waitFor();
    await page.getByRole('button', { name: 'Undo' }).focus();
    await page.locator('#refusal').getByRole('button', { name: '/customer/name' }).click();
    expect(await focused(page)).toBe('/customer/name');
    await page.close();
    withoutAnswers();
    expect(stage.complaints).toEqual([]);
  });

  it('does not move a button away from below the pointer when a field is left for it', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order');
    await page.getByRole('button', { name: 'Add serial' }).click();
    await page.getByLabel('serial').fill('1,5');
    const gift = page.getByRole('button', { name: 'Add gift' });
    const { x, y } = (await gift.boundingBox()) ?? { x: 0, y: 0 };
    await page.mouse.move(x + 5, y + 5);
    await page.mouse.down();
    await page.waitForTimeout(100);
    await page.mouse.up();
    await page.getByText('Not a number as JSON writes it').waitFor();
    await page.getByRole('checkbox', { name: 'gift' }).waitFor({ timeout: 5_000 });
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('shows what was undone in a long text', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order&view=json');
    const json = jsonOf(page);
    await json.fill(`[\n${'1,\n'.repeat(200)}2]`);
    await json.press('Control+Home');
    await json.pressSequentially(' ');
    await json.press('Control+End');
    await page.keyboard.press('Control+z');
    const frame = page.locator('.editor').first();
    const scrolled = () => frame.evaluate((element) => element.scrollTop);
    await expect.poll(scrolled).toBe(0);
    await json.press('Control+End');
    expect(await scrolled()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Redo' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(scrolled).toBe(0);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('says why there is no form for a name that stands twice', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=order');
    await jsonOf(page).fill('{"customer": {"name": "a"}, "customer": {"name": "b"}}');
    await page.getByText('The name "customer" stands here twice').waitFor();
    await stage.picture(page, 'twice');
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('leads from a failure to its lines in the log', async () => {
    const page = await stage.open('/plugins/forms/invoke?cap=fail');
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByRole('link', { name: 'Its lines in the log' }).click({ timeout: 30_000 });
    await page.waitForURL(/\/plugins\/forms\/logs\?q=[0-9a-f]{8}$/);
    await page.getByRole('option').filter({ hasText: 'the handler failed' }).waitFor();
    await page.goBack();
    await stage.picture(page, 'failed');
    await page.close();
    withoutAnswers();
    expect(stage.complaints).toEqual([]);
  });

  it.each([
    { theme: 'light', width: 1280 },
    { theme: 'dark', width: 1280 },
    { theme: 'light', width: 360 },
    { theme: 'dark', width: 360 },
  ] as const)(
    'is accessible and fits what is hard to lay out: $theme, $width px',
    async ({ theme, width }) => {
      const page = await stage.open('/plugins/forms/invoke?cap=report', {
        colorScheme: theme,
        viewport: { width, height: 800 },
      });
      await jsonOf(page)
        .or(page.getByRole('button', { name: 'Invoke', exact: true }))
        .first()
        .waitFor();
      const limit = page.getByRole('button', { name: 'Add limit' });
      await limit.click();
      await page.getByLabel('limit').fill('0');
      await page.getByRole('button', { name: 'Invoke', exact: true }).click();
      await page.getByText(/^Not sent: 1 place/).waitFor();
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
      ).toBeLessThanOrEqual(0);
      // As high as the page, or the bar that sticks would be drawn over it.
      await page.setViewportSize({
        width,
        height: await page.evaluate(() => document.documentElement.scrollHeight),
      });
      await stage.picture(page, `report-${theme}-${width}`);
      expect(await violations(page)).toEqual([]);
      await page.close();
      expect(stage.complaints).toEqual([]);
    },
  );
});

/** Chromium itself writes a line for every answer of 400 and above. */
function withoutAnswers(): void {
  stage.forgive(/status of [45]\d\d/);
}

function jsonOf(page: Page) {
  return page.getByRole('textbox', { name: /^Payload of .*, JSON$/ });
}

function undo(page: Page) {
  return page.getByRole('button', { name: 'Undo' });
}

/** The place of the form that has the keyboard. */
function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset['pointer']);
}
