import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from './chromium.mjs';
import { Failure } from './failure.mjs';
import { describe, live } from './life.mjs';
import { natsServer } from './nats-server.mjs';
import { advisoryLevel, isTold, readAdvisories, readLicences } from './packages.mjs';
import { pnpmEnv } from './pnpm.mjs';
import { run } from './run.mjs';
import { seconds } from './say.mjs';
import { alone, buildAll, createContext, prepare } from './setup.mjs';
import { readReport } from './vitest-report.mjs';

const neededBytes = 2.5 * 2 ** 30;
const stepTimeoutMs = 15 * 60_000;
/** A registry that cannot be reached is asked again and again. */
const auditTimeoutMs = 60_000;
const testsTimeoutMs = 60 * 60_000;

/**
 * Sets up, then runs every check; one that fails does not hide the others. The last line is the sum. With arguments
 * (filters for vitest) only the build and the tests that fit run.
 */
export const main = () =>
  live(async ({ signal }) => {
    const filters = process.argv.slice(2);
    const context = createContext(signal);
    const sum = { passed: 0, failed: 0, skipped: 0 };
    const step = createStep(context, sum);

    let programs;
    const built = await alone(context, async () => {
      programs = await step('set-up', () => prepare(context, neededBytes, 'packages and tests'));
      return programs && (await step('build', () => buildAll(context, programs).then(() => true)));
    });
    if (programs && filters.length === 0) await inspect(context, programs, step);
    if (built) await test(context, programs, step, sum, filters);
    else context.say.write('\n- tests: not run, because what they test could not be built');

    if (sum.skipped) context.say.write(`\n${sum.skipped} skipped`);
    context.say.write(`\n${sum.passed} passed, ${sum.failed} failed`);
    return sum.failed === 0 ? 0 : 1;
  });

/** A named step with its time; it counts as one, and says undefined when it failed. */
function createStep({ say, signal }, sum) {
  return async (name, work) => {
    const started = performance.now();
    say.write(`\n- ${name}`);
    try {
      const value = await work();
      sum.passed += 1;
      say.write(`  ✓ ${name} passed (${seconds(performance.now() - started)})`);
      return value;
    } catch (error) {
      if (signal.aborted) throw error;
      sum.failed += 1;
      say.write(`${describe(error)}\n  ✗ ${name} failed (${seconds(performance.now() - started)})`);
      return undefined;
    }
  };
}

/** What looks at the sources only: the longest beside all others, because each keeps one core busy. */
async function inspect({ root, signal, env, say }, { node, pnpm }, step) {
  const module = (file, ...args) => [node, path.join('node_modules', file), ...args];
  const checks = {
    lint: module('eslint/bin/eslint.js', '--config', '.config/eslint.config.js', '.'),
    'types of the tests': module('typescript/bin/tsc', '-b'),
    'types of the dashboard': [...pnpm, '--filter', '@bkg/web', 'check'],
    format: module('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
  };
  const inspectOne = async ([name, [command, ...args]]) =>
    await step(name, async () => {
      const options = { cwd: root, env: pnpmEnv(env, node), signal, timeoutMs: stepTimeoutMs };
      const { code, output } = await run(command, args, options);
      // Together, and not as it comes: that of two would be mixed.
      if (output.trim()) say.write(output.trimEnd());
      if (code === 0) return;
      const remedy = name === 'format' ? 'run: npm run format' : 'mend what it names.';
      throw new Failure(`${name} ended with code ${code}; its words stand above.`, remedy);
    });
  const [lint, ...others] = Object.entries(checks);
  const inspectPackages = () => inspectLicencesAndHoles({ root, signal, env, say }, { node, pnpm }, step);
  const inspectOthers = async () => {
    for (const one of others) await inspectOne(one);
    await inspectPackages();
  };
  await Promise.all([inspectOne(lint), inspectOthers()]);
}

/** What is known of the packages: their licences, and holes where the registry tells of them. */
async function inspectLicencesAndHoles({ root, signal, env, say }, { node, pnpm }, step) {
  const ask = async (timeoutMs, ...args) => {
    const options = { cwd: root, env: pnpmEnv(env, node), signal, timeoutMs };
    return await run(pnpm[0], [...pnpm.slice(1), ...args], options);
  };
  await step('licences', async () => {
    const { stdout } = await ask(stepTimeoutMs, 'licenses', 'list', '--json');
    const { packages, refused } = readLicences(stdout);
    if (refused.length === 0) return say.write(`  ${packages} packages, all under licences that are allowed`);
    const remedy = 'take another package, or have the licence looked at and add it to packages.mjs.';
    throw new Failure(`These licences are not allowed: ${refused.join(', ')}.`, remedy);
  });
  const told = await ask(auditTimeoutMs, 'audit', '--json', '--audit-level', advisoryLevel).catch((error) => {
    if (signal.aborted || !(error instanceof Failure)) throw error;
    return undefined;
  });
  // Neither passed nor failed: nobody has looked.
  if (!told || !isTold(told.output))
    return say.write('\n- known holes in packages: not looked for, the registry here does not tell');
  await step('known holes in packages', async () => {
    const found = readAdvisories(told.stdout, told.code);
    if (found.length === 0) return;
    throw new Failure(`Packages have known holes: ${found.join('; ')}.`, 'take newer versions of them.');
  });
}

/** Every test once, against a real broker and a real browser. */
async function test(context, programs, step, sum, filters) {
  const { say } = context;
  const servers = await step('programs for the tests', () =>
    alone(context, async () => ({
      BKG_NATS_SERVER: await say.part('nats-server', (progress) =>
        natsServer(context, programs.node, progress),
      ),
      BKG_CHROMIUM: await say.part('chromium', (progress) => chromium(context, progress)),
    })),
  );
  if (!servers) return say.write('\n- tests: not run, because they need these programs');

  const folder = mkdtempSync(path.join(tmpdir(), 'bkg-test-'));
  const report = path.join(folder, 'report.json');
  const vitest = [
    programs.node,
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    '.config/vitest.config.ts',
  ];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  try {
    say.write('\n- tests');
    const env = { ...pnpmEnv(withoutMesh(context.env), programs.node), ...servers };
    const [command, ...args] = [...vitest, ...reporters, ...filters];
    const options = { cwd: context.root, env, signal: context.signal, timeoutMs: testsTimeoutMs };
    const { code } = await run(command, args, { ...options, show: true });
    const found = readReport(report, code);
    for (const key of ['passed', 'failed', 'skipped']) sum[key] += found[key];
    for (const test of found.unsteady) say.write(`  ~ at its second try only: ${test}`);
    for (const problem of found.problems) say.write(`  ✗ tests: ${problem}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The settings of somebody's mesh must not reach the tests, which make meshes of their own. */
function withoutMesh(env) {
  const settings =
    /^BKG_(HOME|PORT|HOST|PUBLIC_URL|API_KEY|NO_AUTH|PLUGIN_BUS_(PORT|HOST|TLS_(CERT|KEY|CA))|PLUGINS_PATH|NATS_URL|CREDENTIALS_FILE)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settings.test(name)));
}
