import { once } from 'node:events';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, setStage, type Stage } from './stage.ts';

let stage: Stage;

describe.skipIf(!executablePath)('the playground in a browser, in trouble', { timeout: 120_000 }, () => {
  let folder: string;
  const cleanUps: (() => void)[] = [];

  setStage((one) => (stage = one));

  beforeAll(async () => {
    await stage.mesh.act('media', 'start');
    folder = await mkdtemp(join(tmpdir(), 'bkg-troubles-'));
  }, 120_000);

  afterEach(() => {
    for (const cleanUp of cleanUps.splice(0)) cleanUp();
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  describe('an answer into a file', () => {
    it('asks for no file before all else is in order', async () => {
      const page = await open('picture');
      const asked = await keepFiles(page);
      await page.getByRole('button', { name: 'Invoke into a file…' }).click();
      await page.getByText('Not sent: no file is chosen.').waitFor();
      await page.goto(`${stage.mesh.url}/plugins/media/invoke?cap=tone`);
      await page.getByLabel('hertz').fill('1');
      await page.getByRole('button', { name: 'Invoke into a file…' }).click();
      await page.getByText(/^Not sent: 1 place does not fit/).waitFor();
      expect(asked).toEqual([]);
      await page.getByLabel('hertz').fill('440');
      await page.getByRole('button', { name: 'Invoke into a file…' }).click();
      await page.getByText('Saved').waitFor();
      expect(asked).toEqual(['answer.wav']);
      await page.close();
      expect(stage.complaints).toEqual([]);
    });

    it('says that the file is empty when there is none', async () => {
      const page = await open('tone');
      await keepFiles(page);
      await jsonOf(page).fill('{"hertz": 1}');
      await page.getByRole('button', { name: 'Invoke into a file…' }).click();
      await page.getByText('No answer was saved: answer.wav is empty.').waitFor();
      await page.getByRole('alert').filter({ hasText: 'INVALID_PAYLOAD' }).waitFor();
      await stage.picture(page, 'file-empty');
      await page.close();
    });

    it('does not take the place of what is to be sent', async () => {
      const path = join(folder, 'same.png');
      await writeFile(path, 'a picture');
      const page = await open('picture');
      await page.getByLabel('File with the payload').setInputFiles(path);
      await keepFiles(page, path);
      await page.getByRole('button', { name: 'Invoke into a file…' }).click();
      await page.getByText('Not sent: same.png is what is to be sent, and is as it was.').waitFor();
      expect(await readFile(path, 'utf8')).toBe('a picture');
      await page.close();
      expect(stage.complaints).toEqual([]);
    });
  });

  it('sends no file that has changed since it was chosen', async () => {
    const path = join(folder, 'changed.png');
    await writeFile(path, 'one');
    // The browser compares whole seconds.
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const page = await open('picture');
    await page.getByLabel('File with the payload').setInputFiles(path);
    await writeFile(path, 'another');
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    const said = page.getByText('Not sent: changed.png has changed since it was chosen, or is gone.');
    await said.waitFor();
    await page.getByLabel('File with the payload').setInputFiles(path);
    await said.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByRole('button', { name: 'Download' }).waitFor();
    await page.close();
  });

  it('tells an answer that ends in the middle from a gateway that is away', async () => {
    const page = await open('tone');
    await instead(page, (request, answer) => {
      answer.writeHead(200, { 'content-type': 'audio/wav', 'content-length': 1_000 });
      answer.write('RIFF');
      setTimeout(() => request.socket.destroy(), 300);
    });
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByText('The answer ended in the middle.').waitFor();
    await page.unrouteAll();
    await page.route('**/invoke/tone', (route) => route.abort());
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByText('The gateway cannot be reached.').waitFor();
    await page.close();
  });

  it('says of a paused stream over HTTP that it has ended', async () => {
    const page = await open('lines');
    await choose(page, 'a.txt', 'text/plain');
    const answered = Promise.withResolvers<ServerResponse>();
    const chunk = 'event: chunk\ndata: {"text": "some"}\n\n';
    await instead(page, (_, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk);
      answered.resolve(answer);
    });
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.getByText('1 chunk', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const answer = await answered.promise;
    answer.write(chunk);
    await page.getByText('2 chunks', { exact: true }).waitFor();
    answer.socket?.destroy();
    await page.getByText('Failed', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Invoke', exact: true }).waitFor();
    await page.close();
  });

  it('keeps the keyboard on its button, and cancels nothing by a double click or a key that is held', async () => {
    const page = await open('words');
    await jsonOf(page).fill('{"count": 100000, "pause_ms": 20}');
    const cancel = page.getByRole('button', { name: 'Cancel' });
    await page.getByRole('button', { name: 'Invoke', exact: true }).dblclick();
    await cancel.waitFor();
    await sleep(600);
    expect(await hasFocus(cancel)).toBe(true);
    await page.keyboard.press('Enter');
    const invoke = page.getByRole('button', { name: 'Invoke', exact: true });
    await invoke.waitFor();
    expect(await hasFocus(invoke)).toBe(true);
    await page.getByText('Past runs (1)').waitFor();
    // Without an end between them, each is what a key that is held makes.
    for (let i = 0; i < 8; i++) {
      await page.keyboard.down('Enter');
      await sleep(100);
    }
    expect(await hasFocus(cancel)).toBe(true);
    await page.getByText('Past runs (1)').waitFor({ timeout: 1_000 });
    await page.keyboard.up('Enter');
    await page.keyboard.press('Enter');
    await invoke.waitFor();
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('keeps the keyboard on the file while it is sent, and takes no other one', async () => {
    const page = await open('picture');
    const field = page.getByLabel('File with the payload');
    await choose(page, 'a.png', 'image/png');
    const go = Promise.withResolvers<void>();
    await page.route('**/invoke/picture', async (route) => {
      await go.promise;
      await route.continue();
    });
    await field.press('Control+Enter');
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    await page.waitForTimeout(200);
    expect(await hasFocus(field)).toBe(true);
    expect(await field.getAttribute('aria-disabled')).toBe('true');
    let asked = false;
    page.once('filechooser', () => (asked = true));
    await field.dispatchEvent('click');
    await choose(page, 'b.png', 'image/png');
    go.resolve();
    await page.getByRole('button', { name: 'Download' }).waitFor();
    expect(await hasFocus(field)).toBe(true);
    expect(await page.getByText('b.png').count()).toBe(0);
    expect(asked).toBe(false);
    await page.close();
  });

  it('leaves no room for a choice that a capability does not have', async () => {
    const page = await open('echo');
    const invoke = await page.getByRole('button', { name: 'Invoke', exact: true }).boundingBox();
    const next = await page.getByText('Copy as curl, nats').boundingBox();
    if (!invoke || !next) throw new Error('Both have to be in sight.');
    expect(next.y - (invoke.y + invoke.height)).toBeLessThan(36);
    await stage.picture(page, 'no-choice');
    await page.close();
  });

  it('follows a stream also when the reader has scrolled back in the one before', async () => {
    const page = await open('words');
    await jsonOf(page).fill('{"count": 3000, "pause_ms": 0}');
    const chunks = page.getByRole('group', { name: 'Chunks', exact: true });
    const invoke = page.getByRole('button', { name: 'Invoke', exact: true });
    const fromEnd = () => chunks.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    await invoke.click();
    await page.getByText('Complete').waitFor();
    await chunks.evaluate((box) => box.scrollTo(0, 0));
    await expect.poll(fromEnd).toBeGreaterThan(100);
    await invoke.click();
    await page.getByText('Complete').waitFor();
    await expect.poll(fromEnd).toBeLessThan(24);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  /** What the page sends to the gateway to be invoked goes to a server that does as it is told. */
  async function instead(page: Page, listener: RequestListener): Promise<void> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    cleanUps.push(() => {
      server.closeAllConnections();
      server.close();
    });
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await page.route('**/invoke/*', (route) => route.continue({ url }));
  }
});

/** The page of a capability, with the payload as JSON. */
async function open(capability: string): Promise<Page> {
  const page = await stage.page();
  await page.goto(`${stage.mesh.url}/plugins/media/invoke?cap=${capability}&view=json`);
  await page.getByRole('button', { name: 'Invoke', exact: true }).waitFor();
  return page;
}

/**
 * Stands in for the dialog of the system, and does to the file what the browser does: it is empty as soon as it is chosen.
 * @param path of the file that is chosen; without one, it is kept nowhere
 * @returns the names that are asked for
 */
async function keepFiles(page: Page, path?: string): Promise<string[]> {
  const asked: string[] = [];
  await page.exposeFunction('keep', async (name: string | undefined, bytes: number[]) => {
    if (name !== undefined) asked.push(name);
    if (path !== undefined) await writeFile(path, Buffer.from(bytes));
  });
  const stub = (chosen: string | undefined) => {
    const { keep } = window as unknown as {
      keep: (name: string | undefined, bytes: number[]) => Promise<void>;
    };
    const showSaveFilePicker = async ({ suggestedName }: { suggestedName: string }) => {
      await keep(suggestedName, []);
      const bytes: number[] = [];
      const createWritable = () =>
        new WritableStream<Uint8Array>({
          write: (chunk) => void bytes.push(...chunk),
          close: () => keep(undefined, bytes),
        });
      return { name: chosen ?? suggestedName, createWritable: () => Promise.resolve(createWritable()) };
    };
    Object.assign(window, { showSaveFilePicker });
  };
  const name = path?.split('/').at(-1);
  await page.addInitScript(stub, name);
  await page.evaluate(stub, name);
  return asked;
}

const jsonOf = (page: Page) => page.getByRole('textbox', { name: /^Payload of/ });
const choose = (page: Page, name: string, mimeType: string) =>
  page
    .getByLabel('File with the payload')
    .setInputFiles({ name, mimeType, buffer: Buffer.from('some bytes') });
const hasFocus = (one: Locator) => one.evaluate((element) => element === document.activeElement);
