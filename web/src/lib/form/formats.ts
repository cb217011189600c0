import { format as known } from '@cfworker/json-schema';
import { fullFormats } from 'ajv-formats/dist/formats.js';

type Check = (text: string) => boolean;

/**
 * Gives the checks of this page the formats that plugins on the SDK have: those that came with the validator take less here
 * and more there, and what is refused here is never sent.
 */
export function takeFormats(): void {
  for (const name of Object.keys(known)) delete known[name];
  // A format is called as a plugin likes: what every object has, such as constructor, is none.
  Object.setPrototypeOf(known, null);
  for (const [name, format] of Object.entries(fullFormats)) {
    const check = checkOf(name, format);
    if (check) known[name] = check;
  }
}

/** Undefined for those of numbers, which are looked at nowhere here, and for those that take everything. */
function checkOf(name: string, format: (typeof fullFormats)[keyof typeof fullFormats]): Check | undefined {
  if (format instanceof RegExp) {
    const pattern = name === 'url' ? quickUrl(format) : format;
    return (text) => pattern.test(text);
  }
  if (typeof format === 'function') return format as Check;
  if (typeof format !== 'object' || ('type' in format && format.type === 'number')) return undefined;
  const { validate } = format;
  return typeof validate === 'function' ? (validate as Check) : undefined;
}

/** As the SDK has it: of two repetitions in a row that take the same characters one is enough. */
function quickUrl({ source, flags }: RegExp): RegExp {
  return new RegExp(source.replace('(?::\\S*)?@', '@'), flags);
}
