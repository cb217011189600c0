import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../src/onnx/writer.ts';
import { defaultTraining, train } from './classifier.ts';
import { heldOut, sentences } from './corpus.ts';
import { confusions, openModel } from './evaluate.ts';
import { languageIdGraph } from './graph.ts';

/**
 * Trains bkg/language-id and writes it where candle ships it, with what it scored beside it.
 * The figures come from running the written file, not from the weights in memory.
 */
const folder = new URL('../models/bkg/language-id/', import.meta.url);
const started = performance.now();
const samples = sentences();
const unseen = heldOut();
const seen = new Set(samples.map(({ text }) => text));
const leaked = unseen.filter(({ text }) => seen.has(text));
if (leaked.length > 0) throw new Error(`held-out sentences that were trained on: ${JSON.stringify(leaked)}`);

const classifier = train(samples, defaultTraining);
const { labels } = classifier;
const metadata = {
  'bkg.task': 'text-classification',
  'bkg.text': 'utf-8-bytes',
  'bkg.max_bytes': '65536',
  'bkg.labels': JSON.stringify(labels),
};
mkdirSync(folder, { recursive: true });
const path = fileURLToPath(new URL('model.onnx', folder));

// Once to measure it, once more with the figure inside.
writeFileSync(path, encodeModel(languageIdGraph(classifier, metadata)));
const model = await openModel(path, labels);
const wrong = await confusions(model, unseen);
const accuracy = (1 - wrong.length / unseen.length).toFixed(4);
const file = encodeModel(languageIdGraph(classifier, { ...metadata, 'bkg.held_out_accuracy': accuracy }));
writeFileSync(path, file);

const seconds = ((performance.now() - started) / 1000).toFixed(1);
for (const { text, label, output } of wrong) console.log(`  ${label} taken for ${output}: ${text}`);
console.log(
  `trained on ${samples.length} sentences in ${labels.length} languages (${labels.join(' ')}) in ${seconds} s`,
);
console.log(`held-out accuracy ${accuracy} (${unseen.length - wrong.length} of ${unseen.length} sentences)`);
console.log(`${path}: ${(file.length / 1024).toFixed(0)} KiB`);
