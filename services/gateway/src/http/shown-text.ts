/** Of a whole key, wherever it stands. */
const secretPattern = /(bkg_K[a-z2-7]{9})_[a-z2-7]+/gi;

/** What is shown of a text that others have given: of a key that stands in it no more than its public part. */
export function shownText(text: string): string {
  return text.replace(secretPattern, '$1_…');
}
