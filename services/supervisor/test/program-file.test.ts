import { expect, it } from 'vitest';
import { programFile } from '../src/program-file.ts';

it.each([
  [['node', 'main.mjs'], 'main.mjs'],
  [['node', '--enable-source-maps', 'dist/main.js', '--to', 'out.js'], 'dist/main.js'],
  [['node', '--import', 'tsx/esm.mjs', 'main.ts'], 'main.ts'],
  [['python3', '-u', 'main.py'], 'main.py'],
  [['java', '-jar', 'plugin.jar'], 'plugin.jar'],
  [['./plugin', 'x.js'], './plugin'],
  [['bin/plugin'], 'bin/plugin'],
  [['/usr/bin/env', 'python3', 'main.py'], '/usr/bin/env'],
  [['python3', '-m', 'plugin.py'], undefined],
  [['sh', '-c', 'exec node main.js'], undefined],
  [['node', '-e', 'import("./x.js")'], undefined],
  [['env', 'MAIN=a.js', 'plugin'], undefined],
  [['go', 'run', '.'], undefined],
  [['plugin'], undefined],
])('the file that %j runs is %s', (command, file) => {
  expect(programFile({ command })).toBe(file);
});
