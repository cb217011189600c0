import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startMesh, type Mesh } from './mesh.ts';

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

  /** What a test brings about itself, such as answers that say no, is no complaint. */
  forgive(about: RegExp): void {
    this.complaints = this.complaints.filter((line) => !about.test(line));
  }
}

/** To be called within a `describe`: gives the stage to `take` before its tests, and ends it after them. */
export function setStage(take: (stage: Stage) => void): void {
  let mesh: Mesh | undefined;
  let browser: Browser | undefined;
  let stage: Stage;

  beforeAll(async () => {
    mesh = await startMesh();
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

/** What axe finds against WCAG 2.2 AA, a line each. */
export async function violations(page: Page): Promise<string[]> {
  const found = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
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
