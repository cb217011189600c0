import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { expect, it } from 'vitest';

const source = path.resolve(import.meta.dirname, '../../src');

/** What a browser loads for an entry: file by file, without types and comments. */
function filesOf(entry: string): Map<string, string> {
  const files = new Map<string, string>();
  const load = (file: string): void => {
    if (files.has(file)) return;
    const options = {
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.ESNext,
      removeComments: true,
      verbatimModuleSyntax: true,
    };
    const { outputText } = ts.transpileModule(readFileSync(path.join(source, file), 'utf8'), {
      compilerOptions: options,
    });
    files.set(file, outputText);
    for (const [, specifier = ''] of outputText.matchAll(/(?:from|import)\s*\(?['"]([^'"]+)['"]/g)) {
      if (!specifier.startsWith('.')) throw new Error(`${file} imports ${specifier}`);
      load(path.join(path.dirname(file), specifier));
    }
  };
  load(entry);
  return files;
}

it('the client for browsers is made of its own files and the protocol alone', () => {
  const files = filesOf('client/ws/index.ts');
  expect([...files.keys()].filter((file) => !/^(protocol|client(\/ws)?)\/[a-z-]+\.ts$/.test(file))).toEqual(
    [],
  );
  for (const [file, text] of files) {
    expect(
      text.match(/\b(process|Buffer|setImmediate|require|__dirname|global)\b\s*[.(]/)?.[0],
      file,
    ).toBeUndefined();
  }
  // What it would have found: the client over NATS is none for browsers.
  expect(() => filesOf('client/nats/index.ts')).toThrow(/imports (node:|@nats-io)/);
});

it('the client for browsers stays small', () => {
  const text = [...filesOf('client/ws/index.ts').values()].join('\n').replaceAll(/^\s+/gm, '');
  // Bundled and minified it is about two thirds of that.
  expect(gzipSync(text).length).toBeLessThan(11.5 * 1024);
});
