import { isRecord } from './protocol/is-record.ts';
import { hideSecrets, secretMask } from './protocol/secrets.ts';

const names =
  'authorization|cookie|set-cookie|pass|password|passwd|secret|token|auth_token|api_?key|credentials';
const isHidden = new RegExp(`^(?:${names})$`, 'i');
/** In a finished line, where the quotes of a text in it have a backslash before them. */
const holdsHidden = new RegExp(`"(?:${names})":`, 'i');

/**
 * A line of a log without the values of members that are called like a secret, at any depth, those of errors included.
 * Nobody means to log one: this is for the object that came along with something else. In texts it hides what looks like a
 * secret of bkg, and leaves the rest alone.
 */
export function hideMembers(given: string): string {
  const line = hideSecrets(given);
  // Nearly no line has one, and to look takes less than a microsecond.
  if (!holdsHidden.test(line)) return line;
  return `${JSON.stringify(JSON.parse(line), hide)}\n`;
}

function hide(name: string, value: unknown): unknown {
  const isSecret =
    (typeof value === 'string' || Array.isArray(value) || isRecord(value)) && isHidden.test(name);
  return isSecret ? secretMask : value;
}
