import type { Sample } from './corpus.ts';
import { buckets, featuresOf } from './features.ts';
import { createRandom, shuffle } from './random.ts';

/** Logistic regression over hashed n-grams: weights[row * labels.length + label], added up and divided by √features. */
export interface Classifier {
  labels: string[];
  weights: Float32Array;
}

export interface Training {
  seed: number;
  epochs: number;
  learningRate: number;
  /** Pulls every weight that is used towards 0, so that one rare n-gram does not decide alone. */
  decay: number;
  /** Fragments of one to four words taken from each sentence per epoch: people type greetings, not sentences. */
  fragments: number;
}

export const defaultTraining: Training = {
  seed: 7,
  epochs: 20,
  learningRate: 0.35,
  decay: 2e-4,
  fragments: 6,
};

export function train(samples: Sample[], options: Training): Classifier {
  const labels = [...new Set(samples.map(({ label }) => label))].sort();
  const random = createRandom(options.seed);
  const weights = new Float32Array(buckets * labels.length);
  const squares = new Float32Array(weights.length);
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const round = samples.flatMap((sample) => [
      sample,
      ...Array.from({ length: options.fragments }, () => ({
        ...sample,
        text: fragment(sample.text, random),
      })),
    ]);
    // A text without a letter is in no language: every one gets the same share of them.
    round.push(...labels.flatMap((label) => ['', '42', '?!', '...'].map((text) => ({ label, text }))));
    for (const { text, label } of shuffle(round, random)) {
      step({ labels, weights }, squares, featuresOf(text), labels.indexOf(label), options);
    }
  }
  return { labels, weights };
}

function probabilities({ labels, weights }: Classifier, rows: Int32Array): Float64Array {
  const scores = new Float64Array(labels.length);
  for (const row of rows) {
    for (let label = 0; label < labels.length; label++)
      scores[label]! += weights[row * labels.length + label]!;
  }
  const highest = Math.max(...scores);
  let sum = 0;
  for (let label = 0; label < labels.length; label++) {
    scores[label] = Math.exp((scores[label]! - highest) / Math.sqrt(rows.length));
    sum += scores[label]!;
  }
  return scores.map((score) => score / sum);
}

/** One AdaGrad step on one text. */
function step(
  model: Classifier,
  squares: Float32Array,
  rows: Int32Array,
  truth: number,
  options: Training,
): void {
  const { labels, weights } = model;
  const errors = probabilities(model, rows);
  errors[truth]! -= 1;
  const share = 1 / Math.sqrt(rows.length);
  for (const row of rows) {
    for (let label = 0; label < labels.length; label++) {
      const at = row * labels.length + label;
      const gradient = errors[label]! * share + options.decay * weights[at]!;
      squares[at]! += gradient * gradient;
      weights[at]! -= (options.learningRate * gradient) / (Math.sqrt(squares[at]!) + 1e-2);
    }
  }
}

function fragment(text: string, random: () => number): string {
  // Half of them without punctuation, or the space before a French question mark would speak for French.
  const plain = random() < 0.5 ? text.replace(/[^\p{L}'\s]/gu, ' ').trim() : text;
  const words = plain.split(/\s+/);
  const length = 1 + Math.floor(random() * 4);
  const start = Math.floor(random() * Math.max(1, words.length - length + 1));
  const piece = words.slice(start, start + length).join(' ');
  // Many type without accents; then the plain letters have to do.
  return random() < 0.2 ? piece.normalize('NFD').replace(/\p{M}/gu, '') : piece;
}
