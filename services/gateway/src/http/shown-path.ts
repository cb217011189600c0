import { hideSecrets } from '@bkg/sdk';

const mostLength = 200;

/**
 * The path of a request as it is logged, kept and repeated. What comes after it is left out: somebody may have put a key or a
 * password there, where it is of no use.
 */
export function shownPath(url: string): string {
  const [path = ''] = url.split('?', 1);
  return hideSecrets(path).slice(0, mostLength);
}
