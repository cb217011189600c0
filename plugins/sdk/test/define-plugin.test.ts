import { Type } from 'typebox';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { capability, definePlugin } from '../src/define-plugin.ts';
import { createEcho } from './echo.ts';

const nothing = () =>
  capability({ description: '', input: Type.Object({}), output: Type.Object({}), handler: () => ({}) });

describe('defining a plugin', () => {
  it('gives the handler the types of its schemas', () => {
    capability({
      description: 'Adds.',
      input: Type.Object({ terms: Type.Array(Type.Number()) }),
      output: Type.Object({ sum: Type.Number() }),
      handler: (input) => {
        expectTypeOf(input).toEqualTypeOf<{ terms: number[] }>();
        return { sum: input.terms.reduce((a, b) => a + b, 0) };
      },
    });
    // @ts-expect-error a result of another type
    capability({ description: '', input: Type.Object({}), output: Type.Number(), handler: () => 'text' });
  });

  it('says everything that is wrong at once', () => {
    const define = () =>
      definePlugin({
        id: 'bkg-mine',
        version: '1',
        description: '',
        capabilities: {
          Upper: nothing(),
          'a.b': nothing(),
          a_b: {
            ...nothing(),
            errors: { TIRED: { number: 418 as 400, retryable: false, description: '' } },
          },
        },
      });
    const words = [
      /bkg-mine.*reserved/,
      /"1" is no version/,
      /"Upper" is no capability id/,
      /a\.b and a_b/,
      /BKG_MINE_/,
      /418/,
    ];
    for (const word of words) expect(define).toThrow(word);
  });

  it('refuses schemas that refer out of themselves, since nothing is fetched', () => {
    const { plugin } = createEcho();
    const pointing = (ref: string) => Type.Unsafe<object>({ properties: { a: { $ref: ref } } });
    const define = (ref: string) =>
      definePlugin({
        ...plugin,
        settings: pointing(ref) as never,
        capabilities: { say: { ...nothing(), input: pointing(ref), output: pointing(ref) } },
      });
    for (const ref of [
      'https://example.com/schema.json',
      'file:///etc/passwd',
      'other.json#/a',
      '//host/x',
    ]) {
      const words = [/The input schema of say/, /The output schema of say/, /The schema of its settings/];
      for (const word of words) expect(() => define(ref)).toThrow(word);
      expect(() => define(ref)).toThrow(ref);
    }
    // Wherever they stand: below a member that is called like a keyword, and beside what is undefined.
    const away = { $ref: 'https://example.com/schema.json' };
    for (const schema of [{ properties: { default: away } }, { allOf: [away], title: undefined }]) {
      const input = Type.Unsafe<object>(schema);
      const said = { ...plugin, capabilities: { say: { ...nothing(), input } } };
      expect(() => definePlugin(said)).toThrow(away.$ref);
    }
    define('#/$defs/a');
    const own = { $id: 'https://example.com/own', properties: { a: { $ref: 'https://example.com/own#/b' } } };
    const data = { const: { $ref: 'https://example.com/data' } };
    const input = Type.Unsafe<object>({ ...own, allOf: [data] });
    definePlugin({ ...plugin, capabilities: { say: { ...nothing(), input } } });
  });

  it('refuses a plugin without a capability', () => {
    expect(() => definePlugin({ id: 'x', version: '1.0.0', description: '', capabilities: {} })).toThrow(
      /no capability/,
    );
  });

  it('refuses one that would take over settings, and has none', () => {
    const { plugin } = createEcho();
    const configure = () => undefined;
    expect(() => definePlugin({ ...plugin, configure })).toThrow(/add their schema as settings/);
    expect(definePlugin({ ...plugin, configure, settings: Type.Object({}) }).configure).toBe(configure);
  });

  it('takes one as it should be', () => {
    expect(createEcho().plugin.id).toBe('echo');
  });
});
