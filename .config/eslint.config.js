import path from 'node:path';
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import { dependencyDirection } from './dependency-direction.js';

/** One reading of "unused" everywhere: a leading underscore says that it is meant. */
const meant = { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true };
const unused = { '@typescript-eslint/no-unused-vars': ['error', meant] };

export default ts.config(
  {
    ignores: ['**/dist/**', '**/build/**', '**/node_modules/**', '**/.svelte-kit/**', '.bkg/**'],
  },
  js.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: globals.node },
    rules: { 'no-unused-vars': ['error', meant] },
  },
  {
    files: ['{plugins,services}/**/*.ts'],
    // An example is a project of its own, as somebody would copy it.
    ignores: ['plugins/sdk/examples/**'],
    extends: [...ts.configs.recommendedTypeChecked],
    languageOptions: {
      globals: globals.node,
      parserOptions: {
        project: [
          'plugins/*/tsconfig.json',
          'plugins/*/test/tsconfig.json',
          'services/*/tsconfig.json',
          'services/*/test/tsconfig.json',
        ],
        tsconfigRootDir: path.dirname(import.meta.dirname),
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      ...unused,
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    // Vitest's `expect.any` and the like are `any`; so is what a test reads from JSON to look at it.
    files: ['{plugins,services}/*/test/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  {
    files: ['web/**/*.ts', 'web/**/*.svelte'],
    extends: [...ts.configs.recommended],
    languageOptions: { globals: globals.browser },
    rules: unused,
  },
  {
    files: ['web/static/**/*.js'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: [
      '.config/**/*.ts',
      'infra/bench/**/*.ts',
      'infra/chaos/**/*.ts',
      'infra/fuzz/**/*.ts',
      'infra/soak/**/*.ts',
      'plugins/sdk/examples/**/*.ts',
      'web/*.ts',
      'web/test/**/*.ts',
    ],
    extends: [...ts.configs.recommended],
    languageOptions: { globals: globals.node },
    rules: unused,
  },
  // Not through `extends`: these name their own files, and with ours they would take the parser to every .ts.
  ...svelte.configs.recommended,
  {
    files: ['web/**/*.svelte', 'web/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    files: ['**/*.{js,mjs,ts,svelte}'],
    plugins: { bkg: dependencyDirection },
    rules: { 'bkg/direction': 'error' },
  },
);
