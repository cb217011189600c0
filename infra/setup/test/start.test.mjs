import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { bareEnv, start, systemFolders, temporaryCheckout } from './checkout.mjs';

/**
 * A checkout whose package manager and compiler are a few lines that write down how they were called: what is looked
 * at here is when the set-up calls them, and what it makes of their ends.
 */
function scriptedCheckout() {
  const checkout = temporaryCheckout();
  const { root, write } = checkout;
  write('calls', '');
  const log = (words) => `fs.appendFileSync(${JSON.stringify(path.join(root, 'calls'))}, ${words} + '\\n');`;
  write(
    '.bkg/tools/pnpm/12.4.2/node_modules/pnpm/bin/pnpm.mjs',
    `import fs from 'node:fs';
    const args = process.argv.slice(2);
    ${log(`'pnpm ' + args.join(' ')`)}
    if (args[0] === 'install') {
      fs.mkdirSync('node_modules', { recursive: true });
      fs.writeFileSync('node_modules/.modules.yaml', '');
    } else if (args[0] === 'licenses') {
      console.log('{"MIT":[{"name":"a"}]}');
    } else if (args[0] === 'audit') {
      console.error('Error: ERR_PNPM_AUDIT_BAD_RESPONSE');
      process.exit(1);
    } else {
      fs.mkdirSync('web/build', { recursive: true });
      fs.writeFileSync('web/build/200.html', '');
    }`,
  );
  write(
    'node_modules/typescript/bin/tsc',
    `const fs = require('node:fs');
    ${log(`'tsc ' + process.argv.slice(2).join(' ')`)}
    const source = fs.readFileSync('services/cli/src/main.ts', 'utf8');
    if (source.includes('broken')) { console.log('main.ts(1,1): error TS1: broken'); process.exit(2); }
    fs.mkdirSync('services/cli/dist', { recursive: true });
    fs.writeFileSync('services/cli/dist/main.js', source);`,
  );
  write('node_modules/typescript/package.json', '{}');
  write('plugins/sdk/join-modules.mjs', `import fs from 'node:fs';\n${log(`'join-modules'`)}`);
  write('nats-server', `#!/bin/sh\necho "nats-server: v2.10.27"\n`, 0o755);
  write(
    'pnpm-workspace.yaml',
    'packages:\n  - infra/bench\n  - services/cli\n  - web\n\ncatalogMode: strict\n',
  );
  // It has types to check, and nobody waits for those to start a mesh.
  write('infra/bench/package.json', '{}');
  write('infra/bench/tsconfig.json', '{}');
  write('services/cli/package.json', '{}');
  write('services/cli/tsconfig.json', '{}');
  write('services/cli/src/main.ts', `console.log('bkg', process.argv[2]);`);
  write('web/package.json', '{}');
  write('web/src/page.svelte', 'hello');
  const env = { ...bareEnv(...systemFolders), BKG_NATS_SERVER: path.join(root, 'nats-server') };
  return Object.assign(checkout, {
    /** Runs one script of the set-up; → its end, and what was called in the meantime. */
    async run(script = 'start') {
      write('calls', '');
      const { code, output } = await start(root, `infra/setup/${script}.mjs`, { env }).ended;
      const calls = readFileSync(path.join(root, 'calls'), 'utf8').trim().split('\n').filter(Boolean);
      return { code, output, calls };
    },
  });
}

const install = 'pnpm install --frozen-lockfile';
const tsc = 'tsc -b services/cli';
const code = [tsc, 'join-modules'];
const dashboard = 'pnpm --filter @bkg/web build';

it('does what is needed, once, and hands over', async () => {
  using checkout = scriptedCheckout();
  const { root, write, run } = checkout;
  const cold = await run();
  expect(cold).toMatchObject({ code: 0, calls: [install, ...code, dashboard] });
  expect(cold.output.trim().split('\n').at(-1)).toBe('bkg up');

  const warm = await run();
  expect(warm).toMatchObject({ code: 0, calls: [] });
  expect(warm.output).toMatch(/^ {2}✓ set-up +complete \(\d\.\d s\)\nbkg up\n$/);

  write('services/cli/src/main.ts', `console.log('changed', process.argv[2]);`);
  expect(await run()).toMatchObject({ calls: code, output: expect.stringContaining('changed up') });
  write('web/src/page.svelte', 'bye');
  expect((await run()).calls).toEqual([dashboard]);
  write('pnpm-lock.yaml', 'other: 1');
  expect((await run()).calls).toEqual([install, ...code, dashboard]);
  rmSync(path.join(root, 'services/cli/dist'), { recursive: true });
  expect((await run()).calls).toEqual(code);
  rmSync(path.join(root, 'web/build'), { recursive: true });
  expect((await run()).calls).toEqual([dashboard]);
  rmSync(path.join(root, 'node_modules/.modules.yaml'));
  expect((await run()).calls).toEqual([install]);
});

it('lets a plugin of the user’s own be as it is', async () => {
  using checkout = scriptedCheckout();
  const { write, run } = checkout;
  await run();
  write('plugins/mine/package.json', '{ "name": ');
  write('plugins/mine/tsconfig.json', '{}');
  write('plugins/mine/main.ts', 'not TypeScript at all');
  expect(await run()).toMatchObject({ code: 0, calls: [] });
});

it('shows the compiler’s words when the code does not compile, and tries again next time', async () => {
  using checkout = scriptedCheckout();
  const { write, run } = checkout;
  write('services/cli/src/main.ts', 'broken');
  for (let i = 0; i < 2; i++) {
    const { code: exit, output, calls } = await run();
    expect(exit).toBe(1);
    expect(calls).toContain(tsc);
    expect(output).toContain('main.ts(1,1): error TS1: broken');
    expect(output).toContain('To do: mend what it names, then run again.');
  }
});

it('does each piece of work once when two are started together', async () => {
  using checkout = scriptedCheckout();
  const { root } = checkout;
  const env = { ...bareEnv(...systemFolders), BKG_NATS_SERVER: path.join(root, 'nats-server') };
  const both = [1, 2].map(() => start(root, 'infra/setup/start.mjs', { env }).ended);
  for (const { code: exit } of await Promise.all(both)) expect(exit).toBe(0);
  expect(readFileSync(path.join(root, 'calls'), 'utf8').trim().split('\n')).toEqual([
    install,
    ...code,
    dashboard,
  ]);
});

it('refuses a nats-server that is too old, by name', async () => {
  using checkout = scriptedCheckout();
  checkout.write('nats-server', `#!/bin/sh\necho "nats-server: v2.9.10"\n`, 0o755);
  const { code: exit, output } = await checkout.run();
  expect(exit).toBe(1);
  expect(output).toContain('it is 2.9.10, bkg needs 2.10.0 or newer');
});

it('npm test goes on after a failed step, and its last line is the sum', async () => {
  using checkout = scriptedCheckout();
  const { write, run } = checkout;
  write('services/cli/src/main.ts', 'broken');
  write('node_modules/eslint/bin/eslint.js', `console.log('lint is fine');`);
  write('node_modules/prettier/bin/prettier.cjs', `console.log('not formatted'); process.exit(1);`);
  const { code: exit, output } = await run('test');
  expect(exit).toBe(1);
  expect(output).toContain('error TS1: broken');
  expect(output).toContain('lint is fine');
  expect(output).toContain('tests: not run');
  expect(output).toContain('1 packages, all under licences');
  expect(output).toContain('known holes in packages: not looked for');
  // set-up, types of the dashboard, lint and licences; build, types of the tests and format.
  expect(output.trimEnd().split('\n').at(-1)).toBe('4 passed, 3 failed');
});
