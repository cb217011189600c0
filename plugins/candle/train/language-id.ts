import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLanguageModel } from './build.ts';

/** Trains bkg/language-id, writes it where candle ships it, and says how good it is. */
const path = fileURLToPath(new URL('../models/bkg/language-id/model.onnx', import.meta.url));
const startedAt = performance.now();
const { file, labels, trainedOn, heldOut, wrong, accuracy } = await buildLanguageModel();
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, file);

const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
for (const { text, label, output } of wrong) console.log(`  ${label} taken for ${output}: ${text}`);
console.log(
  `trained on ${trainedOn.length} sentences in ${labels.length} languages (${labels.join(' ')}) in ${seconds} s`,
);
console.log(
  `held-out accuracy ${accuracy} (${heldOut.length - wrong.length} of ${heldOut.length} sentences)`,
);
console.log(`${path}: ${(file.length / 1024).toFixed(0)} KiB`);
