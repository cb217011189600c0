import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { executablePath, setStage, violations, type Stage } from './stage.ts';

let stage: Stage;

describe.skipIf(!executablePath)('the playground in a browser', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one));

  beforeAll(async () => {
    await stage.mesh.act('media', 'start');
  }, 120_000);

  it('shows chunks as they come: as a text, as a list, and the output after them', async () => {
    const page = await open('words', { count: 30, pause_ms: 20 });
    await invoke(page);
    const chunks = page.getByRole('group', { name: 'Chunks', exact: true });
    await chunks.getByText('Wer reitet so').waitFor();
    await page.getByText('Complete').waitFor();
    expect(await chunks.textContent()).toMatch(/^Wer reitet so spät .* seinem Kind\.$/);
    await page.getByText('30 chunks', { exact: true }).waitFor();
    await page.getByRole('group', { name: 'Output' }).getByText('30').waitFor();
    await page.getByRole('button', { name: 'Chunks' }).click();
    expect(await chunks.getByRole('listitem').allTextContents()).toHaveLength(30);
    expect(await chunks.getByRole('listitem').first().textContent()).toMatch(/0\s*{"text":"Wer "}/);
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, 'stream');
    expect(stage.complaints).toEqual([]);
  });

  it('cancels in the middle, by keyboard, and the plugin is told', async () => {
    const page = await open('words', { count: 100_000, pause_ms: 5 });
    await invoke(page);
    await page.getByRole('group', { name: 'Chunks', exact: true }).getByText('Wer').first().waitFor();
    await page.getByRole('button', { name: 'Cancel' }).focus();
    // Sooner it would be taken for the second of a double click.
    await page.waitForTimeout(500);
    await page.keyboard.press('Enter');
    await page.getByText('Cancelled: the plugin was told').waitFor();
    await expect.poll(() => inFlight()).toBe(0);
    expect(stage.complaints).toEqual([]);
  });

  it('takes nothing while it is paused, and goes on where it was', async () => {
    const page = await open('words', { count: 12_000, pause_ms: 0 });
    await invoke(page);
    await page.getByRole('button', { name: 'Pause' }).click();
    const count = () => page.getByText(/^[\d,]+ chunks?$/).textContent();
    await page.getByText('The plugin waits.').waitFor();
    // What was under way may still come; then nothing does.
    let before: string | null;
    do {
      before = await count();
      await page.waitForTimeout(500);
    } while ((await count()) !== before);
    await page.waitForTimeout(1_000);
    expect(await count()).toBe(before);
    expect(before).not.toBe('12,000 chunks');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('Complete').waitFor({ timeout: 90_000 });
    await page.getByText('12,000 chunks', { exact: true }).waitFor();
    await page.getByText('This page keeps the last 5,000').waitFor();
    await page.getByRole('button', { name: 'Chunks' }).click();
    expect(await page.getByRole('group', { name: 'Chunks', exact: true }).getByRole('listitem').count()).toBe(
      100,
    );
    await stage.picture(page, 'stream-long');
    expect(stage.complaints).toEqual([]);
  });

  it('asks for the output alone, when that is wanted', async () => {
    const page = await open('words', { count: 3, pause_ms: 0 });
    await page.getByLabel('Show the answer as it comes').uncheck();
    await invoke(page);
    await page.getByRole('group', { name: 'Answer' }).getByText('3').waitFor();
  });

  it('sends a picture and shows the one that comes back', async () => {
    const page = await open('picture');
    await invoke(page);
    await page.getByText('Not sent: no file is chosen.').waitFor();
    await choose(page, 'a.txt', 'text/plain', Buffer.from('no'));
    await page.getByText('Not sent: this is text/plain, and image/* is taken.').waitFor();
    await choose(page, 'squares.png', 'image/png', png(320, 200));
    await page.getByText('squares.png').waitFor();
    await page.getByLabel('File with the payload').press('Control+Enter');
    const picture = page.getByRole('img', { name: /The answer: image\/png/ });
    await picture.waitFor();
    expect(await picture.evaluate((img: HTMLImageElement) => [img.naturalWidth, img.naturalHeight])).toEqual([
      320, 200,
    ]);
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(saved.suggestedFilename()).toBe('media-picture.png');
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, 'picture');
    expect(stage.complaints).toEqual([]);
  });

  it('shows a drawing without letting it do anything', async () => {
    const page = await open('picture');
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>top.document.title = 'caught'</script><rect width="40" height="30" fill="teal"/></svg>`;
    await choose(page, 'a.svg', 'image/svg+xml', Buffer.from(svg));
    await invoke(page);
    const drawing = page.getByRole('img', { name: /svg/ });
    await drawing.waitFor();
    expect(await drawing.getAttribute('src')).toMatch(/^data:image\/svg\+xml/);
    expect(await page.title()).not.toContain('caught');
  });

  it('plays a sound', async () => {
    const page = await open('tone', { hertz: 440 });
    await invoke(page);
    const audio = page.locator('audio');
    await audio.waitFor();
    await expect.poll(() => audio.evaluate((one: HTMLAudioElement) => one.duration)).toBeCloseTo(1, 1);
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, 'sound');
    expect(stage.complaints).toEqual([]);
  });

  it('sends what is larger than a message, and says how far it is', async () => {
    const page = await open('measure');
    const bytes = Buffer.alloc(6 * 1024 * 1024, 'bkg');
    await choose(page, 'large.bin', 'application/octet-stream', bytes);
    await invoke(page);
    const answer = page.getByRole('group', { name: 'Answer' });
    await answer.getByText(String(bytes.length)).waitFor();
    expect(await answer.textContent()).toContain(createHash('sha256').update(bytes).digest('hex'));
  });

  it('takes bytes up and chunks down', async () => {
    const page = await open('lines');
    await choose(page, 'a.txt', 'text/plain', Buffer.from('one\ntwo\nthree'));
    await invoke(page);
    await page.getByText('3 chunks', { exact: true }).waitFor();
    expect(await page.getByRole('group', { name: 'Chunks', exact: true }).textContent()).toBe(
      'one\ntwo\nthree\n',
    );
  });

  it('keeps no more of an answer than it says, and writes it into a file when asked to', async () => {
    const page = await open('file', { kib: 80 * 1024 });
    // A file of the page's own: no dialog of the system can be answered here.
    await page.evaluate(() => {
      Object.assign(window, {
        showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) =>
          (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true }),
      });
    });
    await invoke(page);
    await page.getByText('More than this page keeps').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Invoke again, into a file…' }).click();
    await page.getByText('Saved').waitFor({ timeout: 60_000 });
    const size = await page.evaluate(async () => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle('answer.bin');
      return (await handle.getFile()).size;
    });
    expect(size).toBe(80 * 1024 * 1024);
    await stage.picture(page, 'saved');
  });

  it('has past runs after a reload, fills them in and runs them again', async () => {
    const page = await open('echo', { first: 12345678901234567890n });
    await invoke(page);
    await page.getByRole('group', { name: 'Answer' }).getByText('first').waitFor();
    await fill(page, '{"password": "of nobody"}');
    await invoke(page);
    await page.getByRole('group', { name: 'Answer' }).getByText('of nobody').waitFor();
    await page.reload();
    await page.getByText('Past runs (2)').click();
    await page.getByText('Payload not kept: it may hold a secret.').waitFor();
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('of nobody');
    await page.getByRole('button', { name: /^Fill in/ }).click();
    expect(await jsonOf(page).inputValue()).toBe('{"first":12345678901234567890}');
    expect(await page.getByRole('group', { name: 'Answer' }).count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, 'past-runs');
    await page.getByRole('button', { name: /^Run again/ }).click();
    await page.getByRole('group', { name: 'Answer' }).getByText('first').waitFor();
    await page.getByText('Past runs (3)').waitFor();
    await page.getByRole('button', { name: 'Forget them' }).click();
    await expect.poll(() => page.getByText('Past runs').count()).toBe(0);
    expect(stage.complaints).toEqual([]);
  });

  it('copies an invocation as a text', async () => {
    const page = await open('echo', { text: "it's" }, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByText('Copy as curl, nats, TypeScript or Python').click();
    for (const [language, words] of [
      ['curl', String.raw`--data-raw '{"text":"it'\''s"}'`],
      ['nats', "request 'plugin.media.invoke.echo'"],
      ['TypeScript', 'gateway.invoke("media", "echo", {"text":"it\'s"}'],
      ['Python', `r'''{"text":"it's"}'''`],
    ] as const) {
      await page.getByRole('button', { name: language, exact: true }).click();
      await page.locator('details').getByRole('button', { name: 'Copy' }).click();
      await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain(words);
    }
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, 'copy-as');
  });

  it.for(['light', 'dark'] as const)('is whole on a phone, %s', async (colorScheme) => {
    const page = await open(
      'words',
      { count: 300, pause_ms: 0 },
      { colorScheme, viewport: { width: 360, height: 740 } },
    );
    await invoke(page);
    await page.getByText('Complete').waitFor();
    await page.getByText('Copy as curl, nats, TypeScript or Python').click();
    await page.getByText('Past runs').click();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    expect(await violations(page)).toEqual([]);
    await stage.picture(page, `playground-phone-${colorScheme}`);
    await page.goto(`${stage.mesh.url}/plugins/media/invoke?cap=picture`);
    await choose(page, 'squares.png', 'image/png', png(320, 200));
    await invoke(page);
    await page.getByRole('img', { name: /The answer/ }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await stage.picture(page, `bytes-phone-${colorScheme}`);
    await page.goto(`${stage.mesh.url}/plugins/media`);
    await page.getByText('streams').first().waitFor();
    await stage.picture(page, `capabilities-phone-${colorScheme}`);
  });
});

/** The page of a capability, with a payload as JSON. */
async function open(
  capability: string,
  payload?: Record<string, unknown>,
  options?: Parameters<Stage['open']>[1],
): Promise<Page> {
  const page = await stage.open(`/plugins/media/invoke?cap=${capability}&view=json`, options);
  if (payload) await fill(page, json(payload));
  else await page.getByRole('button', { name: 'Invoke', exact: true }).waitFor();
  return page;
}

/** Numbers of any size. */
function json(payload: Record<string, unknown>): string {
  return JSON.stringify(payload, (_, value: unknown) =>
    typeof value === 'bigint' ? `#${value}#` : value,
  ).replaceAll(/"#(\d+)#"/g, '$1');
}

const jsonOf = (page: Page) => page.getByRole('textbox', { name: /^Payload of/ });
const fill = (page: Page, text: string) => jsonOf(page).fill(text);
const invoke = (page: Page) => page.getByRole('button', { name: 'Invoke', exact: true }).click();
const choose = (page: Page, name: string, mimeType: string, buffer: Buffer) =>
  page.getByLabel('File with the payload').setInputFiles({ name, mimeType, buffer });

/** How many invocations the plugin holds. */
async function inFlight(): Promise<number> {
  const answer = await fetch(`${stage.mesh.url}/api/plugins/media/telemetry`);
  return ((await answer.json()) as { in_flight: number }).in_flight;
}

/** A picture of coloured squares. */
function png(width: number, height: number): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      rows.set([(x >> 4) * 12, (y >> 4) * 18, 140], y * (width * 3 + 1) + 1 + x * 3);
  const part = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const part = Buffer.alloc(body.length + 8);
    part.writeUInt32BE(data.length, 0);
    body.copy(part, 4);
    part.writeUInt32BE(crc32(body), body.length + 4);
    return part;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    part('IHDR', head),
    part('IDAT', deflateSync(rows)),
    part('IEND', Buffer.alloc(0)),
  ]);
}
