import type { Enforcement, InstanceEnd, Isolation, PluginInfo } from '@bkg/sdk/protocol';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { executablePath, setStage, violations, type Stage } from './stage.ts';

let stage: Stage;

const means = (strength: Enforcement['strength'], by: string, note: string) => ({ strength, by, note });
const isolation: Isolation = {
  memory: means('enforced', 'cgroup-v1', 'Who takes more is killed by the system.'),
  cpu: means('enforced', 'cgroup-v1', 'Who wants more waits.'),
  processes: means('late', 'watchdog', 'Counted every second.'),
  user: means('none', 'none', 'bkg does not run as root.'),
  files: means('enforced', 'landlock', 'It sees its own folder and what it is given.'),
  network: means('none', 'none', 'This kernel cannot.'),
};

const endOf = (i: number, part: Partial<InstanceEnd> = {}): InstanceEnd => ({
  instance: `K3PXYVZ0QW8RT2M1N4B5${i}A`,
  version: '1.0.0',
  at: new Date(Date.now() - i * 60_000).toISOString(),
  verdict: 'out_of_memory',
  text: 'wanted more than its 64 MB (max_memory_mb) and was killed by the system',
  ...part,
});
const ends = [
  endOf(1, {
    output: ['loading', '\u001b[31mFATAL\u202e', ...Array.from({ length: 40 }, (_, i) => `line ${i}`)],
  }),
  endOf(2),
  endOf(3, { verdict: 'crashed', text: 'ended by SIGSEGV' }),
];

/** What a machine does with a plugin is different everywhere: here the page hears of one what the test says. */
async function openWith(
  path: string,
  change: (plugin: PluginInfo) => PluginInfo,
  options?: BrowserContextOptions,
): Promise<Page> {
  const page = await stage.page(options);
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(message));
    server.onMessage((message) => socket.send(changed(String(message), change)));
  });
  await page.goto(stage.mesh.url + path);
  return page;
}

function changed(message: string, change: (plugin: PluginInfo) => PluginInfo): string {
  const frame = JSON.parse(message) as {
    topic?: string;
    snapshot?: PluginInfo[];
    data?: { plugin?: PluginInfo };
  };
  if (frame.topic !== 'plugins') return message;
  const one = (plugin: PluginInfo) => (plugin.id === 'forms' ? change(plugin) : plugin);
  if (frame.snapshot) frame.snapshot = frame.snapshot.map(one);
  if (frame.data?.plugin) frame.data.plugin = one(frame.data.plugin);
  return JSON.stringify(frame);
}

function failed(plugin: PluginInfo, restarts: PluginInfo['restarts']): PluginInfo {
  const instances = plugin.instances.slice(0, 1).map(({ pid: _, ...one }) => ({
    ...one,
    instance: endOf(1).instance,
    status: 'error' as const,
    error: 'ended',
  }));
  return {
    ...plugin,
    status: 'error',
    error: 'ended',
    instances,
    isolation,
    ends,
    ...(restarts && { restarts }),
  };
}

const looping = (plugin: PluginInfo) => failed(plugin, { failures: 6, stays_down: true });

describe.skipIf(!executablePath)('what a browser shows of limits and ends', { timeout: 120_000 }, () => {
  setStage((one) => (stage = one));

  it.each([
    ['light', 1280],
    ['dark', 380],
  ] as const)(
    'shows why a plugin stays down, what it printed last and its log: %s, %d px',
    async (colorScheme, width) => {
      const page = await openWith('/plugins/forms', looping, {
        colorScheme,
        viewport: { width, height: 800 },
      });
      await page.getByRole('status').getByText('crash loop, out of memory').waitFor();
      await page.getByText('Failed 6 times in a row; it stays down until you start it.').waitFor();
      await page.getByRole('button', { name: 'Start Forms' }).waitFor();
      const output = page.getByRole('group', { name: 'What it printed last' });
      expect(await output.innerText()).toMatch(/^loading\n\\e\[31mFATAL\\u202e\nline 0\n/);
      await page.getByText('ended by SIGSEGV').waitFor();
      await fits(page, width);
      await page.getByRole('link', { name: `${ends[0]?.instance} its log` }).click();
      await page.waitForURL(/\/plugins\/forms\/logs\?q=K3PXYVZ0QW8RT2M1N4B51A$/);
      await page.close();
      expect(stage.complaints).toEqual([]);
    },
  );

  it('counts down to the next start, and nothing but the digits moves', async () => {
    const nextAt = new Date(Date.now() + 60_000);
    const page = await openWith('/plugins/forms', (plugin) =>
      failed(plugin, { failures: 3, next_at: nextAt.toISOString() }),
    );
    const line = page.getByText(/^Failed 3 times in a row, starting again in/);
    await line.waitFor();
    // The page's clock is put forward, so that nobody waits a minute.
    await page.clock.setFixedTime(nextAt.getTime() - 10_000);
    await line.filter({ hasText: /in 10 s\./ }).waitFor();
    const places = async () => [
      (await line.boundingBox())?.x,
      (await page.getByRole('navigation', { name: 'Pages of Forms' }).boundingBox())?.y,
    ];
    const before = await places();
    await page.clock.setFixedTime(nextAt.getTime() - 9_000);
    await line.filter({ hasText: /in 9 s\./ }).waitFor();
    expect(await places()).toEqual(before);
    await page.close();
  });

  it('tells how an instance ended once another one runs', async () => {
    const page = await stage.open('/plugins/forms');
    const running = page.getByRole('status').getByText('running', { exact: true });
    await running.waitFor();
    const { instances } = (await (await fetch(`${stage.mesh.url}/api/plugins/forms`)).json()) as PluginInfo;
    const [killed] = instances;
    process.kill(killed?.pid ?? NaN, 'SIGKILL');
    await page.getByRole('heading', { name: 'Last end: crashed', level: 2 }).waitFor({ timeout: 30_000 });
    await page
      .getByText(/ended by SIGKILL/)
      .first()
      .waitFor();
    await page
      .getByText(killed?.instance ?? '')
      .first()
      .waitFor();
    await running.waitFor({ timeout: 30_000 });
    await fits(page, 1280);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('tells by keyboard what keeps each limit', async () => {
    const page = await openWith('/plugins/forms', (plugin) => ({ ...plugin, isolation }));
    const limits = page.getByRole('region', { name: 'Limits' });
    await limits.getByText(/ of 1\.0 GB$/).waitFor({ timeout: 30_000 });
    const processes = limits.locator('summary', { hasText: 'Processes' });
    expect((await processes.innerText()).replaceAll(/\s+/g, ' ')).toBe('Processes noticed late at most 256');
    expect(await limits.getByText('Counted every second.').isVisible()).toBe(false);
    await limits.locator('summary', { hasText: 'CPU' }).focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await limits.getByText('Counted every second.').waitFor();
    await limits.locator('summary', { hasText: 'Network' }).click();
    await limits.getByText('This kernel cannot.').waitFor();
    await fits(page, 1280);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('tells in words that a limit is near, and dims what was measured once nobody vouches for it', async () => {
    const near = (plugin: PluginInfo): PluginInfo => ({
      ...plugin,
      isolation,
      config: { ...plugin.config, resources: { ...plugin.config.resources, max_memory_mb: 16 } },
    });
    const silent = (plugin: PluginInfo) => ({ ...near(plugin), unknown_since: new Date().toISOString() });
    for (const [change, opacity] of [
      [near, '1'],
      [silent, '0.4'],
    ] as const) {
      const page = await openWith('/plugins/forms', change);
      const memory = page.getByRole('region', { name: 'Limits' }).locator('summary', { hasText: 'Memory' });
      await memory.getByText(/ of 16 MB, near its limit$/).waitFor({ timeout: 30_000 });
      expect(await memory.locator('.bar').evaluate((one) => getComputedStyle(one).opacity)).toBe(opacity);
      await page.close();
    }
    expect(stage.complaints).toEqual([]);
  });

  it('says that it is not known what a strict sandbox comes to while no plugin has a sandbox', async () => {
    const page = await stage.page();
    await page.routeWebSocket(/\/ws$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => server.send(message));
      server.onMessage((message) =>
        socket.send(String(message).replaceAll(/"sandbox":"(on|strict)"/g, '"sandbox":"off"')),
      );
    });
    await page.goto(`${stage.mesh.url}/plugins/forms/config`);
    const sandbox = page.getByRole('group', { name: 'Sandbox' });
    await sandbox.getByText(/is known once a plugin has a sandbox/).waitFor({ timeout: 30_000 });
    await sandbox.getByRole('radio', { name: /Strict/ }).check();
    await sandbox.getByText('With strict it may not start here.').waitFor();
    await fits(page, 1280);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('shows the verdict in short on the card', async () => {
    const page = await openWith('/plugins', looping);
    const card = page.getByRole('article', { name: 'Forms' });
    await card.getByText('crash loop, out of memory').waitFor();
    await card.getByText(/^wanted more than its 64 MB/).waitFor();
    await fits(page, 1280);
    await page.close();
    expect(stage.complaints).toEqual([]);
  });

  it('warns of a strict sandbox that the machine cannot give, and saves a limit', async () => {
    const page = await openWith('/plugins/forms/config', (plugin) => ({
      ...plugin,
      isolation,
      config: { ...plugin.config, sandbox: 'on' },
    }));
    const sandbox = page.getByRole('group', { name: 'Sandbox' });
    await sandbox.getByText('On this machine: files enforced, network not enforced.').waitFor();
    await sandbox.getByRole('radio', { name: /Strict/ }).check();
    await sandbox.getByText('With strict it does not start here.').waitFor();
    await sandbox.getByText('This machine cannot keep it from the network: This kernel cannot.').waitFor();
    const changes = page.getByRole('region', { name: 'What changes' });
    await changes.getByText('Sandbox: instances are replaced one by one.').waitFor();
    await fits(page, 1280);
    await sandbox.getByRole('radio', { name: /On/ }).check();
    expect(await sandbox.getByText('With strict').count()).toBe(0);

    const memory = page.getByLabel('Memory limit');
    await memory.fill('8');
    await page.getByText('A whole number, 16 to 16,777,216.').waitFor();
    await memory.fill('900');
    await changes.getByText(/taken over by the instances that run/).waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/Saved as revision \d+\./).waitFor({ timeout: 60_000 });
    await page.close();
    expect(stage.complaints).toEqual([]);
  });
});

/** No axe violation, and nothing that the page has to be scrolled sideways for. */
async function fits(page: Page, width: number): Promise<void> {
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
}
