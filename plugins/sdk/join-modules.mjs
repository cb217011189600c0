import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Part of the build: joins all modules of the SDK, and the small files of what it is made with, into one file for each entry
 * of its package.json and a few that several entries share. Every file costs every process that starts about half a
 * millisecond, and these are 250. Browsers get the modules as they are: their own build takes what it needs.
 */
const folder = import.meta.dirname;
const joined = 'dist/joined';
const { exports } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
const entries = Object.values(exports).map(({ default: file }) => {
  const name = path.relative(joined, file).replace(/\.js$/, '');
  return [name, path.join(folder, 'dist', `${name}.js`)];
});

rmSync(path.join(folder, joined), { recursive: true, force: true });
await using bundle = await rolldown({
  input: Object.fromEntries(entries),
  platform: 'node',
  logLevel: 'warn',
  // Whoever gets a connection or an error of theirs from the SDK may have them, too: there must be one of each.
  external: [/^@nats-io\//, /^@nestjs\//, 'rxjs', 'reflect-metadata', 'ws'],
});
await bundle.write({
  dir: path.join(folder, joined),
  format: 'esm',
  chunkFileNames: 'shared/[name]-[hash].js',
});
