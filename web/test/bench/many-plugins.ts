/**
 * Does the list stay smooth with many plugins? `node web/test/bench/many-plugins.ts [plugins] [seconds]` after a build,
 * with BKG_CHROMIUM set, on a machine that does nothing else.
 */
import { chromium, type Page } from 'playwright-core';
import { startFakeGateway } from './fake-gateway.ts';

const [plugins = 200, seconds = 30] = process.argv.slice(2).map(Number);
const { BKG_CHROMIUM: executablePath } = process.env;
if (!executablePath) throw new Error('BKG_CHROMIUM has to name a Chromium.');

const gateway = await startFakeGateway({ plugins, everyMs: 1_000 });
const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-sync',
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const session = await page.context().newCDPSession(page);
  const usedBytes = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  const cardsOf = () => page.locator('article').count();

  for (const path of ['/plugins', '/plugins/plugin-000/telemetry']) {
    await page.goto(gateway.url + path);
    await page.getByRole('banner').getByText('Live', { exact: true }).waitFor();
    // The first readings of each plugin make the lists that grow afterwards.
    await page.waitForTimeout(3_000);
    const before = await usedBytes();
    const framesBefore = gateway.sent.frames;
    const { p50, p95, most, long } = await watchFrames(page, seconds * 1_000);
    const grown = ((await usedBytes()) - before) / 1024 ** 2;
    console.log(
      `${path}: ${plugins} plugins, ${((gateway.sent.frames - framesBefore) / seconds).toFixed(0)} frames/s, ${await cardsOf()} cards; ` +
        `frame p50 ${p50.toFixed(1)} p95 ${p95.toFixed(1)} max ${most.toFixed(1)} ms; ` +
        `long tasks ${long.length}, longest ${Math.max(0, ...long).toFixed(0)} ms; heap ${grown >= 0 ? '+' : ''}${grown.toFixed(1)} MB`,
    );
  }
} finally {
  await browser.close();
  gateway.stop();
}

async function watchFrames(page: Page, forMs: number) {
  const { gaps, long } = await page.evaluate(
    (ms) =>
      new Promise<{ gaps: number[]; long: number[] }>((resolve) => {
        const gaps: number[] = [];
        const long: number[] = [];
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) long.push(duration);
        }).observe({ type: 'longtask' });
        const start = performance.now();
        let last = start;
        const tick = (now: number) => {
          gaps.push(now - last);
          last = now;
          if (now - start < ms) requestAnimationFrame(tick);
          else resolve({ gaps: gaps.slice(1), long });
        };
        requestAnimationFrame(tick);
      }),
    forMs,
  );
  const sorted = gaps.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), most: at(1), long };
}
