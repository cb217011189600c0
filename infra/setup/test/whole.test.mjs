import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { placeWhole, removeLeftovers } from '../whole.mjs';
import { start, temporaryCheckout } from './checkout.mjs';

const put = (text) => async (dir) => writeFileSync(path.join(dir, 'file'), text);

it('puts a folder in place only when it is complete', async () => {
  using checkout = temporaryCheckout();
  const target = path.join(checkout.root, 'tools/x');
  const failing = placeWhole(target, async (dir) => {
    await put('half')(dir);
    throw new Error('the line broke');
  });
  await expect(failing).rejects.toThrow('the line broke');
  expect(readdirSync(path.dirname(target))).toEqual([]);

  await placeWhole(target, put('whole'));
  expect(readFileSync(path.join(target, 'file'), 'utf8')).toBe('whole');
  expect(readdirSync(path.dirname(target))).toEqual(['x']);
});

it('keeps what a faster process put there', async () => {
  using checkout = temporaryCheckout();
  const target = path.join(checkout.root, 'tools/x');
  await placeWhole(target, async (dir) => {
    await put('mine')(dir);
    await placeWhole(target, put('of the faster one'));
  });
  expect(readFileSync(path.join(target, 'file'), 'utf8')).toBe('of the faster one');
});

it('never takes for whole what a killed download left, and removes it', async () => {
  using checkout = temporaryCheckout();
  const { root, write } = checkout;
  const target = path.join(root, 'tools/x');
  write(
    'fetch.mjs',
    `import { writeFileSync } from 'node:fs';
    import { placeWhole, removeLeftovers } from './infra/setup/whole.mjs';
    await placeWhole('tools/x', async (dir) => {
      writeFileSync(dir + '/file', 'half');
      console.log('downloading');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`,
  );
  const { child, said, ended } = start(root, 'fetch.mjs', { env: process.env });
  await said('downloading');
  child.kill('SIGKILL');
  await ended;
  expect(existsSync(target)).toBe(false);
  expect(readdirSync(path.dirname(target))).toHaveLength(1);

  const tools = path.dirname(target);
  const living = `x.partial-${process.ppid}-1`;
  mkdirSync(path.join(tools, living));
  mkdirSync(path.join(tools, 'node', `26.partial-${child.pid}-1`), { recursive: true });
  removeLeftovers(tools);
  expect(readdirSync(tools).sort()).toEqual(['node', living]);
  expect(readdirSync(path.join(tools, 'node'))).toEqual([]);
  await placeWhole(target, put('whole'));
  expect(readFileSync(path.join(target, 'file'), 'utf8')).toBe('whole');
});
