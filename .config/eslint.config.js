import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

const root = new URL('..', import.meta.url).pathname;

/**
 * Who may import what of bkg. Every message says why, because a rule without its reason gets disabled.
 * The picture is in the README of the repository: web → sdk/protocol, services and plugins → sdk, sdk → nothing.
 */
const directions = [
  {
    files: ['plugins/sdk/**'],
    forbid: ['@bkg/*', '!@bkg/sdk', '!@bkg/sdk/*', '**/services/**', '**/plugins/**', '**/web/**'],
    message: 'The SDK is the wire contract: whoever takes it must not take the rest of bkg with it.',
  },
  {
    files: ['plugins/sdk/src/protocol/**'],
    forbid: ['node:*', '@nats-io/*', 'pino', '@nestjs/*', '../*'],
    message: 'sdk/protocol runs in a browser: no Node built-ins, no I/O, nothing from outside its folder.',
  },
  {
    files: ['plugins/!(sdk)/**'],
    forbid: ['@bkg/*', '!@bkg/sdk', '!@bkg/sdk/*'],
    message: 'Plugins meet on subjects, never in code: each must start, stop and be replaced alone.',
  },
  {
    files: ['services/gateway/**', 'services/supervisor/**'],
    forbid: ['@bkg/*', '!@bkg/sdk', '!@bkg/sdk/*', '@bkg/sdk/src/*'],
    message: 'Gateway and supervisor meet on subjects: either must go on while the other is dead.',
  },
  {
    files: ['services/cli/**'],
    forbid: ['@bkg/*', '!@bkg/sdk', '!@bkg/sdk/*'],
    message: 'The command line works over the public interfaces; it starts the services as programs.',
  },
  {
    files: ['web/src/**'],
    forbid: ['@bkg/*', '!@bkg/sdk', '@bkg/sdk', '!@bkg/sdk/protocol', 'node:*', '@nats-io/*'],
    message: 'The dashboard talks to the gateway only: of bkg it may import @bkg/sdk/protocol.',
  },
];

/** The same for relative paths that climb out of a package. */
const climbing = {
  group: ['../../*/src/**', '../../../**/src/**', '../../../../**'],
  message: 'Import another package by its name, so that its exports and the direction rule apply.',
};

export default ts.config(
  {
    ignores: ['**/dist/**', '**/build/**', '**/node_modules/**', '**/.svelte-kit/**', '.bkg/**'],
  },
  js.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['{plugins,services}/**/*.ts'],
    extends: [...ts.configs.recommendedTypeChecked],
    languageOptions: {
      globals: globals.node,
      parserOptions: {
        project: ['plugins/*/tsconfig.json', 'plugins/*/test/tsconfig.json', 'services/*/tsconfig.json', 'services/*/test/tsconfig.json'],
        tsconfigRootDir: root,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['web/**/*.ts', 'web/**/*.svelte'],
    extends: [...ts.configs.recommended, ...svelte.configs.recommended],
    languageOptions: { globals: { ...globals.browser } },
  },
  {
    files: ['web/**/*.svelte', 'web/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  ...directions.map(({ files, forbid, message }) => ({
    files,
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: forbid, message }, climbing] }],
    },
  })),
);
