import path from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');

// The files are made up, so no tsconfig lists them; the direction rule needs no types.
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: path.join(root, '.config/eslint.config.js'),
  overrideConfig: ts.configs.disableTypeChecked,
});

/** What the direction rule says of one line of code in one file. */
async function refusals(file, code) {
  const [result] = await eslint.lintText(code, { filePath: path.join(root, file) });
  const broken = result.messages.filter((message) => message.fatal);
  if (broken.length > 0) throw new Error(`${file} could not be parsed: ${broken[0].message}`);
  return result.messages.filter(({ ruleId }) => ruleId === 'bkg/direction').map(({ message }) => message);
}

const imports = (specifier) => `import '${specifier}';`;

describe('the dependency direction is refused with its reason', () => {
  it.each([
    ['services/gateway/src/x.ts', imports('@bkg/supervisor'), 'while the other is dead'],
    ['services/gateway/src/x.ts', imports('@bkg/candle'), 'while the other is dead'],
    ['services/gateway/test/x.test.ts', imports('@bkg/supervisor/registry'), 'while the other is dead'],
    ['services/supervisor/src/x.ts', imports('@bkg/gateway'), 'while the other is dead'],
    ['services/supervisor/src/x.ts', imports('@bkg/sdk/src/connect.ts'), 'while the other is dead'],
    ['services/supervisor/src/x.ts', imports('../../gateway/src/server.ts'), 'by its name'],
    ['services/cli/src/x.ts', imports('@bkg/gateway'), 'over the public interfaces'],
    ['plugins/candle/src/x.ts', imports('@bkg/rustyface'), 'meet on subjects'],
    ['plugins/candle/src/onnx/x.ts', imports('../../../brainml/src/index.ts'), 'by its name'],
    ['plugins/sdk/src/x.ts', imports('@bkg/gateway'), 'must not take the rest of bkg'],
    ['plugins/sdk/src/protocol/x.ts', imports('node:fs'), 'runs in a browser'],
    ['plugins/sdk/src/protocol/x.ts', imports('fs/promises'), 'runs in a browser'],
    ['plugins/sdk/src/protocol/x.ts', imports('@nats-io/nats-core'), 'runs in a browser'],
    ['plugins/sdk/src/protocol/x.ts', imports('typebox'), 'runs in a browser'],
    ['plugins/sdk/src/protocol/x.ts', imports('../connect.ts'), 'runs in a browser'],
    ['plugins/sdk/src/protocol/x.ts', imports('@bkg/gateway'), 'runs in a browser'],
    ['plugins/sdk/src/client/x.ts', imports('node:fs'), 'each byte is waited for'],
    ['plugins/sdk/src/client/x.ts', imports('typebox'), 'each byte is waited for'],
    ['plugins/sdk/src/client/x.ts', imports('../connection.ts'), 'each byte is waited for'],
    ['plugins/sdk/src/client/x.ts', imports('./nats/index.ts'), 'each byte is waited for'],
    ['plugins/sdk/src/client/ws/x.ts', imports('@nats-io/nats-core'), 'each byte is waited for'],
    ['plugins/sdk/src/client/ws/x.ts', imports('@bkg/sdk/protocol'), 'each byte is waited for'],
    ['plugins/sdk/src/client/ws/x.ts', imports('../nats/nats-client.ts'), 'each byte is waited for'],
    ['plugins/sdk/src/client/nats/x.ts', imports('@bkg/gateway'), 'must not take the rest of bkg'],
    ['web/src/lib/x.ts', imports('@bkg/sdk'), 'talks to the gateway only'],
    ['web/src/lib/x.ts', imports('@bkg/sdk/client'), 'talks to the gateway only'],
    ['web/src/lib/x.ts', imports('@bkg/gateway'), 'talks to the gateway only'],
    ['web/src/lib/x.ts', imports('node:path'), 'talks to the gateway only'],
    ['web/src/lib/x.ts', imports('../../../plugins/sdk/src/index.ts'), 'by its name'],
    [
      'web/src/routes/x.svelte',
      `<script lang="ts">\n${imports('@bkg/sdk')}\n</script>`,
      'talks to the gateway only',
    ],
    ['infra/setup/x.mjs', imports('eslint'), 'before anything is installed'],
  ])('%s: %s', async (file, code, reason) => {
    const found = await refusals(file, code);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(reason);
  });

  it.each([
    `export { x } from '@bkg/supervisor';`,
    `export * from '@bkg/supervisor';`,
    `export const x = await import('@bkg/supervisor');`,
    `export type X = import('@bkg/supervisor').X;`,
    `import type { X } from '@bkg/supervisor'; export type Y = X;`,
    `import x = require('@bkg/supervisor'); export const y = x;`,
    `export const x = require('@bkg/supervisor');`,
  ])('in every spelling: %s', async (code) => {
    expect(await refusals('services/gateway/src/x.ts', code)).toHaveLength(1);
  });
});

describe('the allowed directions pass', () => {
  it.each([
    ['services/gateway/src/x.ts', imports('@bkg/sdk')],
    ['services/gateway/src/x.ts', imports('./server.ts')],
    ['services/gateway/test/x.test.ts', imports('../src/server.ts')],
    ['services/supervisor/src/x.ts', imports('@bkg/sdk/nest')],
    ['services/supervisor/src/x.ts', imports('node:child_process')],
    ['plugins/candle/src/onnx/x.ts', imports('../session.ts')],
    ['plugins/candle/src/x.ts', imports('@bkg/sdk')],
    ['plugins/sdk/src/x.ts', imports('./protocol/index.ts')],
    ['plugins/sdk/src/protocol/x.ts', imports('./subjects.ts')],
    ['plugins/sdk/src/client/ws/x.ts', imports('../errors.ts')],
    ['plugins/sdk/src/client/ws/x.ts', imports('../../protocol/socket.ts')],
    ['plugins/sdk/src/client/nats/x.ts', imports('../../connection.ts')],
    ['plugins/sdk/src/client/nats/x.ts', imports('@nats-io/nats-core')],
    ['web/src/lib/x.ts', imports('@bkg/sdk/client/ws')],
    ['web/src/lib/x.ts', imports('@bkg/sdk/protocol')],
    ['web/src/lib/x.ts', imports('#lib/feed.ts')],
    ['web/src/routes/x.svelte', `<script lang="ts">\n${imports('@bkg/sdk/protocol')}\n</script>`],
    ['web/vite.config.ts', imports('node:path')],
    ['infra/setup/x.mjs', imports('node:fs')],
    ['infra/setup/test/x.test.mjs', imports('vitest')],
  ])('%s: %s', async (file, code) => {
    expect(await refusals(file, code)).toEqual([]);
  });
});
