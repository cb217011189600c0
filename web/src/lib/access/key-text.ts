import { keyPattern, keyPrefixPattern } from '@bkg/sdk/protocol';

/** What is wrong with a key that somebody gives to sign in, without a sign of it; "" when nothing is. */
export function keyMistake(text: string): string {
  const given = text.trim();
  if (given === '') return 'Here goes the whole key, from bkg_ to its last sign.';
  if (keyPattern.test(given)) return '';
  if (keyPrefixPattern.test(given)) return 'This is only the prefix of a key; the whole key is needed.';
  if (!given.startsWith('bkg_K')) return 'This is no API key: one begins with bkg_K.';
  return `This is no whole API key: one has 67 signs, and this has ${given.length}.`;
}
