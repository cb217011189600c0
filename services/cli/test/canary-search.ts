/** Secrets, and the search for them in whatever a mesh says: as they are, and in every way that text is written down. */
export class Canaries {
  readonly #needles: { what: string; bytes: Buffer }[] = [];
  readonly #names = new Map<string, string>();

  /** @param secret at least 16 characters, or something else could look like its half */
  add(name: string, secret: string): void {
    if (secret.length < 16) throw new Error(`${name} has ${secret.length} characters; it takes at least 16`);
    this.#names.set(name, secret);
    for (const [form, text] of formsOf(secret))
      this.#needles.push({ what: `${name} (${form})`, bytes: Buffer.from(text) });
  }

  /** All of them, by name. */
  get all(): ReadonlyMap<string, string> {
    return this.#names;
  }

  /** @returns which are in it, as "<name> (<how it is written>)" */
  in(content: string | Uint8Array): string[] {
    const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
    return this.#needles.filter((needle) => bytes.includes(needle.bytes)).map(({ what }) => what);
  }
}

/** The ways in which a text is written, by what one calls them. Of those that are the same the first. */
export function formsOf(secret: string): Map<string, string> {
  const half = Math.ceil(secret.length / 2);
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const forms: [string, string][] = [
    ['as it is', secret],
    // What shows a part of one, because it was cut, shows too much.
    ['first half', secret.slice(0, half)],
    ['second half', secret.slice(-half)],
    ['JSON', json],
    ['JSON in JSON', JSON.stringify(json).slice(1, -1)],
    [
      'JSON in ASCII',
      json.replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`),
    ],
    ['URL', encodeURIComponent(secret)],
    ['form', new URLSearchParams({ '': secret }).toString().slice(1)],
    ['URL, each byte', [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')],
    [
      'URL, each byte in capitals',
      [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    ],
    ['HTML', secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')],
    ['hexadecimal', bytes.toString('hex')],
    ['hexadecimal in capitals', bytes.toString('hex').toUpperCase()],
    ...[0, 1, 2].flatMap((before): [string, string][] => {
      const text = base64At(bytes, before);
      return [
        [`base64 after ${before}`, text],
        [`base64url after ${before}`, text.replaceAll('+', '-').replaceAll('/', '_')],
      ];
    }),
  ];
  const known = new Set<string>();
  return new Map(forms.filter(([, text]) => !known.has(text) && known.add(text)));
}

/** What base64 makes of it behind so many other bytes, without the digits that others have a part in. */
function base64At(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const isShared = (before + bytes.length) % 3 !== 0;
  return text.slice(before === 0 ? 0 : before + 1, isShared ? -1 : undefined);
}
