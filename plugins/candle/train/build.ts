import { encodeModel } from '../src/onnx/writer.ts';
import { defaultTraining, train } from './classifier.ts';
import { heldOut, sentences, type Sample } from './corpus.ts';
import { confusions, openModel, type Verdict } from './evaluate.ts';
import { languageIdGraph } from './graph.ts';

export interface LanguageModel {
  /** An .onnx file, with its labels and its accuracy in its metadata. */
  file: Uint8Array;
  labels: string[];
  trainedOn: Sample[];
  heldOut: Sample[];
  /** The held-out sentences that it gets wrong. */
  wrong: Verdict[];
  /** Share of the held-out sentences that it gets right, with four digits. */
  accuracy: string;
}

/** Trains bkg/language-id. What it scored comes from running the written file, not from the weights in memory. */
export async function buildLanguageModel(): Promise<LanguageModel> {
  const [trainedOn, unseen] = [sentences(), heldOut()];
  const seen = new Set(trainedOn.map(({ text }) => text));
  const leaked = unseen.filter(({ text }) => seen.has(text));
  if (leaked.length > 0)
    throw new Error(`held-out sentences that were trained on: ${JSON.stringify(leaked)}`);

  const classifier = train(trainedOn, defaultTraining);
  const { labels } = classifier;
  const metadata = {
    'bkg.task': 'text-classification',
    'bkg.text': 'utf-8-bytes',
    'bkg.max_bytes': '65536',
    'bkg.labels': JSON.stringify(labels),
  };
  // Once to measure it, once more with the figure inside.
  const classify = await openModel(encodeModel(languageIdGraph(classifier, metadata)), labels);
  const wrong = await confusions(classify, unseen);
  const accuracy = (1 - wrong.length / unseen.length).toFixed(4);
  const file = encodeModel(languageIdGraph(classifier, { ...metadata, 'bkg.held_out_accuracy': accuracy }));
  return { file, labels, trainedOn, heldOut: unseen, wrong, accuracy };
}
