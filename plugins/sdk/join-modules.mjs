import path from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Part of the build: modules that pass on a package of many small files are joined with it into one file each, since
 * every file costs every process that starts about half a millisecond. Without it everything does the same, later.
 */
for (const module of ['dist/type.js', 'dist/ajv.js']) {
  const file = path.join(import.meta.dirname, module);
  await using bundle = await rolldown({ input: file, platform: 'node', logLevel: 'warn' });
  await bundle.write({ file, format: 'esm' });
}
