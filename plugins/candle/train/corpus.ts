import { readdirSync, readFileSync } from 'node:fs';

export interface Sample {
  text: string;
  label: string;
}

/** One file per language, named by its code, one sentence a line. Sorted, so that training is the same everywhere. */
function readCorpus(folder: URL): Sample[] {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort();
  return files.flatMap((file) =>
    readFileSync(new URL(file, folder), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((text) => ({ text, label: file.slice(0, -'.txt'.length) })),
  );
}

export const sentences = (): Sample[] => readCorpus(new URL('./sentences/', import.meta.url));
export const heldOut = (): Sample[] => readCorpus(new URL('./held-out/', import.meta.url));
