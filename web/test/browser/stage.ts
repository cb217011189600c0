import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startMesh, type Mesh, type MeshOptions } from './mesh.ts';

/** Undefined where no browser was fetched: then there is nothing to test, and .ci/run says that it was skipped. */
export const executablePath = process.env.BKG_CHROMIUM;

/** A mesh and a browser for the tests of one file. */
export class Stage {
  readonly mesh: Mesh;
  readonly browser: Browser;
  /** What the browser complained about in this test. */
  complaints: string[] = [];

  constructor(mesh: Mesh, browser: Browser) {
    this.mesh = mesh;
    this.browser = browser;
  }

  /** A page in a context of its own, which ends with the browser; it shows nothing yet. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error.stack)));
    return page;
  }

  /** A page of the dashboard. */
  async open(path: string, options?: BrowserContextOptions): Promise<Page> {
    const page = await this.page(options);
    await page.goto(this.mesh.url + path);
    return page;
  }

  /** Kept for people to look at, where BKG_PICTURES says: drawing a whole page takes long. */
  async picture(page: Page, name: string): Promise<void> {
    const folder = process.env.BKG_PICTURES;
    if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  /** What a test brings about itself, such as answers that say no, is no complaint. */
  forgive(about: RegExp): void {
    this.complaints = this.complaints.filter((line) => !about.test(line));
  }
}

/** To be called within a `describe`: gives the stage to `take` before its tests, and ends it after them. */
export function setStage(take: (stage: Stage) => void, options?: MeshOptions): void {
  let mesh: Mesh | undefined;
  let browser: Browser | undefined;
  let stage: Stage;

  beforeAll(async () => {
    mesh = await startMesh(options);
    browser = await launchBrowser();
    take((stage = new Stage(mesh, browser)));
  }, 120_000);

  beforeEach(() => {
    stage.complaints = [];
  });

  afterAll(async () => {
    await browser?.close();
    await mesh?.stop();
  }, 60_000);
}

/** A Chromium that speaks to nobody but the mesh. */
function launchBrowser(): Promise<Browser> {
  return chromium.launch({
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
}

type Findings = Awaited<ReturnType<AxeBuilder['analyze']>>;

const axeOptions = {
  runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
  resultTypes: ['violations'],
};

/**
 * What axe finds against WCAG 2.2 AA, a line each. AxeBuilder itself hands a script of 1.5 MB to two pages for every
 * answer, and describes what is in order too, which takes ten times as long.
 */
export async function violations(page: Page): Promise<string[]> {
  if (page.frames().length > 1)
    throw new Error('Here axe looks at the main frame only, and there are others.');
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await axeSource());
  const found = await page.evaluate(async (options) => {
    const { axe } = window as unknown as { axe: { run: (...what: unknown[]) => Promise<Findings> } };
    return (await axe.run(document, options)).violations;
  }, axeOptions);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

let source: Promise<string> | undefined;

/** The axe that comes with its package for Playwright, in its short form. */
function axeSource(): Promise<string> {
  const axePlaywright = createRequire(import.meta.url).resolve('@axe-core/playwright');
  return (source ??= readFile(createRequire(axePlaywright).resolve('axe-core/axe.min.js'), 'utf8'));
}

/** @returns what live regions have said since, as a screen reader hears it */
export async function listen(page: Page): Promise<() => Promise<string[]>> {
  const heard = await page.evaluateHandle(() => {
    const texts: string[] = [];
    for (const region of document.querySelectorAll('[role=status], [role=alert]')) {
      let last = region.textContent;
      new MutationObserver(() => {
        const text = region.textContent.trim();
        if (text && text !== last) texts.push(text);
        last = text;
      }).observe(region, { childList: true, characterData: true, subtree: true });
    }
    return texts;
  });
  return () => heard.jsonValue();
}
