import type { Credentials } from '../credentials.ts';
import { parseKey } from './key.ts';

/** An API key as the broker takes it. @throws Error for what is none, which never repeats it */
export function keyCredentials(text: string): Credentials {
  const key = parseKey(text.trim());
  if (key) return { user: key.prefix, password: text.trim() };
  throw new Error(
    'The API key is none: it takes bkg_<prefix>_<secret> (BKG_API_KEY), as it was shown when the key was made.',
  );
}
