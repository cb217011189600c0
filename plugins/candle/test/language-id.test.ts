import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelHeader } from '../src/onnx/reader.ts';
import { ProcessHost } from '../src/process-host.ts';
import { encodeText, readScores, textModelOf, type TextModel } from '../src/text-model.ts';
import { buildLanguageModel } from '../train/build.ts';
import { confusions } from '../train/evaluate.ts';
import { heldOut } from '../train/corpus.ts';
import { limit } from './sample-models.ts';

const folder = new URL('../models/bkg/language-id/', import.meta.url);
const path = fileURLToPath(new URL('model.onnx', folder));

let process: ProcessHost;
let model: TextModel;

beforeAll(async () => {
  const options = { threads: 1, loadTimeoutMs: 20_000 };
  process = await ProcessHost.start(path, options, new AbortController().signal);
  model = textModelOf('bkg/language-id', process.signature);
});
afterAll(() => process.end());

const classify = async (text: string): Promise<{ output: string; score: number }> => {
  const { output, scores } = readScores(
    model,
    await process.run([encodeText(model, text)], [model.output], limit),
  );
  return { output, score: scores[output]! };
};

/** A greeting each, which it was trained on in one form or another, and sentences that it was not. */
const asked: Record<string, string[]> = {
  de: ['Wo ist der Bahnhof?', 'GUTEN MORGEN', 'Die Sitzung wurde auf nächste Woche verschoben.'],
  en: ['Where is the station?', 'Good night', 'The meeting has been moved to next week.'],
  es: ['¿Dónde está la estación?', 'Hola', 'donde esta la estacion'],
  fi: ['Missä on asema?', 'Hyvää huomenta', 'Kokous on siirretty ensi viikolle.'],
  fr: ['Où est la gare ?', 'Bonjour', 'La réunion a été reportée à la semaine prochaine.'],
  it: ["Dov'è la stazione?", 'Buongiorno', 'La riunione è stata rinviata alla prossima settimana.'],
  nl: ['Waar is het station?', 'Goedemorgen', 'De vergadering is verplaatst naar volgende week.'],
  pl: ['Gdzie jest dworzec?', 'Dzień dobry', 'Spotkanie zostało przełożone na przyszły tydzień.'],
  pt: ['Onde fica a estação?', 'Bom dia', 'A reunião foi adiada para a próxima semana.'],
  ru: ['Где вокзал?', 'Доброе утро', 'Собрание перенесено на следующую неделю.'],
  sv: ['Var ligger stationen?', 'God morgon', 'Mötet har flyttats till nästa vecka.'],
  tr: ['İstasyon nerede?', 'Günaydın', 'Toplantı gelecek haftaya ertelendi.'],
};

describe('the language model', () => {
  it('takes “Guten Morgen” for German', async () => {
    const { output, score } = await classify('Guten Morgen');
    expect(output).toBe('de');
    expect(score).toBeGreaterThan(0.9);
  });

  it.each(Object.entries(asked))('knows %s', async (language, texts) => {
    for (const text of texts) expect([text, (await classify(text)).output]).toEqual([text, language]);
  });

  it('gives every label a share, which add up to one', async () => {
    const { scores } = readScores(
      model,
      await process.run([encodeText(model, 'Hello')], [model.output], limit),
    );
    expect(Object.keys(scores).sort()).toEqual([...model.labels].sort());
    expect(Object.values(scores).reduce((sum, score) => sum + score)).toBeCloseTo(1, 5);
    expect(Object.values(scores)).toEqual(Object.values(scores).toSorted((a, b) => b - a));
  });

  it('is sure of nothing when there is no letter', async () => {
    expect((await classify('42')).score).toBeLessThan(0.5);
  });

  it('takes texts up to its limit, and says what the limit is', async () => {
    expect((await classify('das ist gut '.repeat(5_461))).output).toBe('de');
    expect(() => encodeText(model, 'ä'.repeat(32_769))).toThrow(
      '/input: 65538 bytes given, the model takes 65536: send a part of the text',
    );
    for (const text of ['', ' \n\t']) expect(() => encodeText(model, text)).toThrow('the text is empty');
  });

  it('scores on the held-out sentences what its metadata and its README say', async () => {
    const wrong = await confusions(classify, heldOut());
    const accuracy = (1 - wrong.length / heldOut().length).toFixed(4);
    expect(readModelHeader(path).metadata['bkg.held_out_accuracy']).toBe(accuracy);
    expect(await readFile(new URL('README.md', folder), 'utf8')).toContain(`**${accuracy}**`);
    expect(Number(accuracy)).toBeGreaterThan(0.95);
  });

  it('comes out of its training byte for byte', async () => {
    const { file } = await buildLanguageModel();
    expect(Buffer.compare(file, await readFile(path))).toBe(0);
  }, 60_000);
});

describe('a model that takes text', () => {
  it('declares it in its metadata; any other is told to be sent tensors', () => {
    const { signature } = process;
    for (const metadata of [
      {},
      { ...signature.metadata, 'bkg.task': 'other' },
      { ...signature.metadata, 'bkg.text': 'tokens' },
      { ...signature.metadata, 'bkg.labels': '' },
      { ...signature.metadata, 'bkg.labels': '{"de": 1}' },
      { ...signature.metadata, 'bkg.labels': '[1, 2]' },
    ]) {
      expect(() => textModelOf('org/name', { ...signature, metadata })).toThrow(
        'org/name takes no text, it takes tensors: text INT64 [1, bytes]. Send them as "inputs" instead',
      );
    }
  });

  it('is at fault when it gives another number of scores than it has labels', () => {
    const scores = { name: 'scores', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 0) } as const;
    expect(() => readScores(model, [{ ...scores, shape: [...scores.shape] }])).toThrow(
      '2 scores for its 12 labels',
    );
  });
});
