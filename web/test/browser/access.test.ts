import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executablePath, setStage, violations, type Stage } from './stage.ts';

let stage: Stage;

describe.skipIf(!executablePath)('access in a browser', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one), { auth: true });

  it('leads whoever is not signed in to the sign-in page, and back', async () => {
    const page = await stage.open('/plugins/forms/logs?level=warn');
    await page.waitForURL('**/sign-in?next=**');
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, 'sign-in');
    const { secret } = await stage.mesh.createKey({ name: 'back again', roles: ['viewer'] });
    const field = page.getByLabel('API key');
    await field.fill(secret.slice(0, -1));
    await page.keyboard.press('Enter');
    await page.getByText('one has 67 signs, and this has 66').waitFor();
    await field.fill(`${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This key is not let in').waitFor();
    expect(await field.inputValue()).toBe('');
    await field.fill(secret);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/plugins/forms/logs?level=warn');
    await page.getByRole('heading', { level: 1, name: 'Forms' }).waitFor();
    expect(
      await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])),
    ).not.toContain(secret);
    await page.close();
    stage.forgive(/status of 401|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it('lets in by a link once, and keeps its ticket out of the address and the history', async () => {
    const link = await stage.mesh.signInLink();
    const ticket = new URL(link).hash.slice('#ticket='.length);
    const page = await stage.page();
    await page.goto(link);
    await page.waitForURL('**/plugins');
    await page.getByRole('article', { name: 'Forms' }).waitFor();
    const past = await visited(page);
    expect(past.length).toBeGreaterThan(0);
    expect(past.join('\n')).not.toContain(ticket);
    // Somebody may have sent the link of another key: whoever is signed in already is asked.
    await page.goto(await stage.mesh.signInLink());
    await page.getByText('in place of that').waitFor();
    await page.getByRole('button', { name: 'Stay signed in as' }).click();
    await page.waitForURL('**/plugins');
    await page.goto(await stage.mesh.signInLink());
    await page.getByRole('button', { name: 'Use the link' }).click();
    await page.waitForURL('**/plugins');
    await page.context().close();

    const again = await stage.page();
    await again.goto(link);
    await again.getByRole('alert').getByText('This link does no more').waitFor();
    await again.getByText('bkg keys sign-in').first().waitFor();
    expect(new URL(again.url()).hash).toBe('');
    expect((await visited(again)).join('\n')).not.toContain(ticket);
    expect(await violations(again)).toEqual([]);
    await again.context().close();
    stage.forgive(/status of 401|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it('makes a key that may look and nothing else, and shows it out when it is revoked', async () => {
    const admin = await signedIn();
    await admin.getByRole('link', { name: 'Keys' }).first().click();
    await admin.getByRole('link', { name: 'New key' }).click();
    await admin.getByRole('textbox', { name: 'Name' }).fill('looker');
    await admin.getByRole('checkbox', { name: 'viewer' }).check();
    expect(await violations(admin)).toEqual([]);
    await admin.getByRole('button', { name: 'Make the key' }).click();
    const secret = await admin.getByRole('textbox', { name: 'The whole key' }).inputValue();
    expect(secret).toMatch(/^bkg_K[a-z2-7]{9}_[a-z2-7]{52}$/);
    expect(await violations(admin)).toEqual([]);
    // Not copied: Escape does not close it, and the button only at the second press.
    await admin.keyboard.press('Escape');
    await admin.keyboard.press('Escape');
    await admin.getByRole('alert').getByText('It was not copied').waitFor();
    await admin.getByRole('button', { name: 'Close all the same' }).click();
    await admin.waitForURL('**/keys');
    expect(await admin.content()).not.toContain(secret);

    const viewer = await stage.open('/plugins/forms');
    await viewer.getByLabel('API key').fill(secret);
    await viewer.keyboard.press('Enter');
    await viewer.getByRole('heading', { level: 1, name: 'Forms' }).waitFor();
    await offersNothing(viewer);
    expect(await violations(viewer)).toEqual([]);
    await stage.picture(viewer, 'viewer');
    // Not only the page says so.
    expect(
      await viewer.evaluate(async () => (await fetch('/api/plugins/forms/stop', { method: 'POST' })).status),
    ).toBe(403);

    await admin.getByRole('link', { name: 'looker' }).click();
    await admin.getByRole('button', { name: 'Revoke…' }).click();
    expect(await violations(admin)).toEqual([]);
    await admin.getByRole('button', { name: 'Revoke looker' }).click();
    const since = performance.now();
    await viewer.waitForURL('**/sign-in?next=**', { timeout: 3_000 });
    console.log(`shown out ${Math.round(performance.now() - since)} ms after the click on Revoke`);
    await admin.getByText('It was revoked').waitFor();

    await admin.getByRole('link', { name: 'Activity' }).click();
    await admin
      .getByRole('row')
      .filter({ hasText: 'key.revoke' })
      .filter({ hasText: 'looker' })
      .first()
      .waitFor();
    expect(await violations(admin)).toEqual([]);
    await stage.picture(admin, 'activity');
    await viewer.close();
    await admin.close();
    stage.forgive(/status of 40[13]|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it('signs out in every tab at once', async () => {
    const one = await signedIn();
    const other = await one.context().newPage();
    await other.goto(`${stage.mesh.url}/plugins/forms`);
    await other.getByRole('heading', { level: 1, name: 'Forms' }).waitFor();
    await one.getByRole('button', { name: /^Signed in as/ }).click();
    await one.getByRole('button', { name: 'Sign out' }).click();
    await one.waitForURL('**/sign-in');
    await other.waitForURL('**/sign-in?next=**', { timeout: 3_000 });
    expect(await other.getByRole('heading', { name: 'Forms' }).count()).toBe(0);
    // The cookie is gone too, or does no more.
    await one.goto(`${stage.mesh.url}/plugins`);
    await one.waitForURL('**/sign-in');
    await one.context().close();
    stage.forgive(/status of 401|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it('keeps what was typed when somebody else has changed the key meanwhile', async () => {
    const { key } = await stage.mesh.createKey({ name: 'shared', owner: 'Ada', scopes: ['read'] });
    const page = await signedIn();
    await page.goto(`${stage.mesh.url}/keys/${key.prefix}`);
    await page.getByLabel('Verb').selectOption('invoke');
    await page.getByLabel('Plugin', { exact: true }).selectOption('forms');
    await page.getByLabel('Capability').selectOption('order');
    expect(await page.getByLabel('As text').inputValue()).toBe('invoke:forms:order');
    await page.getByRole('button', { name: 'Add scope' }).click();
    await stage.mesh.changeKey(key.prefix, { revision: key.revision, owner: 'Grace' });
    await page.getByRole('button', { name: 'Save' }).click();
    const conflict = page.getByRole('alert').filter({ hasText: 'Changed meanwhile' });
    await conflict.getByText('Grace').waitFor();
    expect(await violations(page)).toEqual([]);
    await conflict.getByRole('button', { name: 'Keep my changes on top' }).click();
    expect(await page.getByLabel('Owner').inputValue()).toBe('Grace');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.', { exact: true }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Remove invoke:forms:order' }).waitFor();
    expect(await page.getByLabel('Owner').inputValue()).toBe('Grace');
    await page.context().close();
    stage.forgive(/status of 40[19]|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it('says why the last key of an admin stays, and gives it a new secret', async () => {
    const page = await signedIn();
    await page.goto(`${stage.mesh.url}/keys`);
    await page.getByRole('row').filter({ hasText: 'this is you' }).getByRole('link').click();
    await page.getByRole('button', { name: 'Revoke…' }).click();
    await page.getByText('you will be signed out').waitFor();
    await page.getByRole('button', { name: /^Revoke admin/ }).click();
    await page.getByRole('alert').getByText('This is the last key of an admin').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'New secret…' }).click();
    await page.getByLabel('The old one goes on').selectOption('for 1 day');
    await page.getByRole('button', { name: 'Make a new secret' }).click();
    await page.getByRole('textbox', { name: 'The whole key' }).waitFor();
    // Back would lose it.
    await page.evaluate(() => history.back());
    await page.getByRole('alert').getByText('It was not copied').waitFor();
    expect(await page.getByRole('textbox', { name: 'The whole key' }).count()).toBe(1);
    await page.getByRole('textbox', { name: 'The whole key' }).press('Control+c');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByText(/^goes on until/).waitFor();
    await page.context().close();
    stage.forgive(/status of 40[19]|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it('makes a role, gives it to a key, and says who has it before it goes', async () => {
    const page = await signedIn();
    await page.goto(`${stage.mesh.url}/keys/roles`);
    await page.getByRole('button', { name: 'New role' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Form fillers');
    await page.getByLabel('As text').fill('invoke:forms:*');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Small letters, digits').waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('form-fillers');
    await page.getByRole('button', { name: 'Save' }).click();
    const remove = page.getByRole('button', { name: /^Delete… form-fillers/ });
    await remove.waitFor();
    expect(await page.getByRole('button', { name: /^Change viewer/ }).count()).toBe(0);
    await stage.mesh.createKey({ name: 'filler', roles: ['form-fillers'] });
    await page.reload();
    await remove.click();
    await page.getByText('1 key still has it: filler.').waitFor();
    await page.getByRole('button', { name: 'Delete form-fillers' }).click();
    await page.getByRole('alert').getByText('form-fillers was not deleted').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.context().close();
    stage.forgive(/status of 40[19]|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });

  it.each([
    { theme: 'light', width: 1300 },
    { theme: 'dark', width: 360 },
  ] as const)('has nothing that axe finds, at %o', async ({ theme, width }) => {
    const { key } = await stage.mesh.createKey({
      name: `${theme} with a name that is as long as names of keys can be when somebody means it well`,
      scopes: ['read', 'invoke:forms:order', 'control:forms'],
      expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const page = await signedIn({ colorScheme: theme, viewport: { width, height: 800 } });
    for (const path of ['/keys', `/keys/${key.prefix}`, '/keys/new', '/keys/roles', '/activity']) {
      await page.goto(stage.mesh.url + path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.getByText(/^Reading/).waitFor({ state: 'detached' });
      expect(await violations(page), path).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), path).toBe(0);
      await stage.picture(page, `access-${path.replaceAll('/', '-')}-${theme}-${width}`);
    }
    await page.context().close();
    stage.forgive(/status of 401|WebSocket/);
    expect(stage.complaints).toEqual([]);
  });
});

/** A page of whoever has started the mesh. */
async function signedIn(options?: Parameters<Stage['page']>[0]): Promise<Page> {
  const page = await stage.page(options);
  await page.goto(await stage.mesh.signInLink());
  await page.waitForURL('**/plugins');
  await page.getByRole('article', { name: 'Forms' }).waitFor();
  return page;
}

/** The addresses that the back button leads to, and the one that is open. */
async function visited(page: Page): Promise<string[]> {
  const client = await page.context().newCDPSession(page);
  const { entries } = await client.send('Page.getNavigationHistory');
  await client.detach();
  return entries.map(({ url }) => url);
}

async function offersNothing(page: Page): Promise<void> {
  expect(await page.getByRole('navigation', { name: 'Main' }).count()).toBe(0);
  const action = page.getByRole('button', { name: /^(Stop|Start|Restart) Forms/ }).first();
  await expect.poll(() => action.getAttribute('aria-disabled')).toBe('true');
  expect(await action.getAttribute('title')).toContain('control:forms');
  await action.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Config' }).click();
  await page.getByRole('heading', { name: 'Configuration' }).waitFor();
  expect(await page.getByRole('button', { name: 'Add variable' }).isDisabled()).toBe(true);
  expect(await page.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true');
  await page.getByRole('link', { name: 'Invoke', exact: true }).click();
  const invoke = page.getByRole('button', { name: 'Invoke' });
  await invoke.waitFor();
  expect(await invoke.getAttribute('aria-disabled')).toBe('true');
  await page.getByText(/it has no scope invoke:forms:/).waitFor();
}
