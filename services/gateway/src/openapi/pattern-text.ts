/**
 * Whether a text is a regular expression as JSON Schema means it: ECMA-262 with the flag `u`. A plugin has written it, and it
 * is never compiled here: its text is read once from the left to the right, by expressions of our own that look a few
 * characters ahead. What is taken is one; what is new or rare in the language may be refused, and its schema is not shown then.
 */
export function isPattern(value: unknown): value is string {
  return typeof value === 'string' && value.length <= mostLength && new PatternText(value).isPattern();
}

const mostLength = 4_096;
/** Groups in one another: what reads the document may call itself for each. */
const mostDepth = 50;

const categories =
  'L[ultmoC]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cfson]?|Letter|Mark|Number|Punctuation|Symbol|Separator|Other';
const properties =
  'Alphabetic|ASCII|Any|Emoji|Lowercase|Uppercase|White_Space|ID_Start|ID_Continue|XID_Start|XID_Continue';
const scripts =
  'Arabic|Armenian|Bengali|Cyrillic|Devanagari|Georgian|Greek|Han|Hangul|Hebrew|Hiragana|Katakana|Latin|Tamil|Thai';
const hex = '[0-9A-Fa-f]';

/** In their order: of those that could begin in one place the longer comes first. */
const tokens = {
  assertion: /\^|\$|\\[bB]/uy,
  set: new RegExp(
    `\\\\(?:[dDsSwW]|[pP]\\{(?:${categories}|${properties}|(?:sc|scx|Script|Script_Extensions)=(?:${scripts}))\\})`,
    'uy',
  ),
  pair: new RegExp(`\\\\u([dD][89abAB]${hex}{2})\\\\u([dD][c-fC-F]${hex}{2})`, 'uy'),
  code: new RegExp(
    `\\\\(?:x(${hex}{2})|u(${hex}{4})|u\\{0{0,8}(10${hex}{4}|${hex}{1,5})\\}|c[A-Za-z]|0(?![0-9])|[tnvfr])`,
    'uy',
  ),
  sign: /\\([\^$\\.*+?()[\]{}|/])/uy,
  dash: /\\-/uy,
  name: /\\k<([A-Za-z_$][\w$]*)>/uy,
  number: /\\([1-9][0-9]{0,2})(?![0-9])/uy,
  look: /\(\?<?[=!]/uy,
  group: /\((?:\?:|\?<([A-Za-z_$][\w$]*)>|(?!\?))/uy,
  end: /\)/uy,
  or: /\|/uy,
  times: /(?:[*+?]|\{([0-9]{1,5})(?:,([0-9]{0,5}))?\})\??/uy,
  class: /\[\^?/uy,
  any: /[^\\^$*+?()[\]{}|]/uy,
  member: /[^\\\]]/uy,
};
type Token = keyof typeof tokens;

/** One character, and so an end of a range, when it has a code. */
interface Member {
  code?: number;
}

class PatternText {
  readonly #text: string;
  #at = 0;
  #match: RegExpExecArray | undefined;
  /** The open groups: whether each is one that looks around, which nothing may repeat. */
  readonly #open: boolean[] = [];
  readonly #names = new Set<string>();
  #groups = 0;
  #highest = 0;
  readonly #meant: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  isPattern(): boolean {
    let canRepeat = false;
    while (this.#at < this.#text.length) {
      if (this.#takes('times')) {
        if (!canRepeat || !this.#isInOrder()) return false;
        canRepeat = false;
      } else if (this.#takes('assertion') || this.#takes('or')) canRepeat = false;
      else if (this.#takes('look') || this.#takes('group')) {
        if (!this.#opens()) return false;
        canRepeat = false;
      } else if (this.#takes('end')) {
        const looksAround = this.#open.pop();
        if (looksAround === undefined) return false;
        canRepeat = !looksAround;
      } else if (this.#takes('class')) {
        if (!this.#isClass()) return false;
        canRepeat = true;
      } else if (this.#isAtom()) canRepeat = true;
      else return false;
    }
    return (
      this.#open.length === 0 &&
      this.#highest <= this.#groups &&
      this.#meant.every((name) => this.#names.has(name))
    );
  }

  #takes(token: Token): boolean {
    const expression = tokens[token];
    expression.lastIndex = this.#at;
    this.#match = expression.exec(this.#text) ?? undefined;
    if (!this.#match) return false;
    this.#at = expression.lastIndex;
    return true;
  }

  /** Of what the last token has in its parentheses. */
  #part(index: number): string | undefined {
    return this.#match?.[index];
  }

  #opens(): boolean {
    const text = this.#match?.[0] ?? '';
    const name = this.#part(1);
    const looksAround = /[=!]$/.test(text);
    this.#open.push(looksAround);
    if (!looksAround && text !== '(?:') this.#groups += 1;
    if (name !== undefined && this.#names.has(name)) return false;
    if (name !== undefined) this.#names.add(name);
    return this.#open.length <= mostDepth;
  }

  #isInOrder(): boolean {
    const [least, most] = [this.#part(1), this.#part(2)];
    return !least || !most || Number(least) <= Number(most);
  }

  #isAtom(): boolean {
    if (this.#takes('name')) {
      this.#meant.push(this.#part(1) ?? '');
      return true;
    }
    if (this.#takes('number')) {
      this.#highest = Math.max(this.#highest, Number(this.#part(1)));
      return true;
    }
    return this.#escape() !== undefined || this.#takes('any');
  }

  /** What a backslash begins in a class and out of it. */
  #escape(): Member | undefined {
    if (this.#takes('set')) return {};
    if (this.#takes('pair')) {
      const [high = 0, low = 0] = [1, 2].map((i) => Number.parseInt(this.#part(i) ?? '', 16));
      return { code: 0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff) };
    }
    if (this.#takes('code')) return { code: codeOf(this.#match ?? []) };
    if (this.#takes('sign')) return { code: this.#part(1)?.codePointAt(0) ?? 0 };
    return undefined;
  }

  /** Up to and including the end of a class. */
  #isClass(): boolean {
    for (;;) {
      if (this.#text[this.#at] === ']') {
        this.#at += 1;
        return true;
      }
      const first = this.#member();
      if (!first) return false;
      // At the end of the class it is a dash and nothing else.
      if (this.#text[this.#at] !== '-' || this.#text[this.#at + 1] === ']') continue;
      this.#at += 1;
      const last = this.#member();
      if (first.code === undefined || last?.code === undefined || first.code > last.code) return false;
    }
  }

  #member(): Member | undefined {
    const escaped = this.#escape();
    if (escaped) return escaped;
    if (this.#takes('dash')) return { code: 0x2d };
    if (this.#text.startsWith('\\b', this.#at)) {
      this.#at += 2;
      return { code: 8 };
    }
    return this.#takes('member') ? { code: this.#match?.[0].codePointAt(0) ?? 0 } : undefined;
  }
}

const controls: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 };

function codeOf([text = '', ...digits]: readonly (string | undefined)[]): number {
  const given = digits.find((one) => one !== undefined);
  if (given !== undefined) return Number.parseInt(given, 16);
  return text[1] === 'c' ? (text.codePointAt(2) ?? 0) % 32 : (controls[text[1] ?? ''] ?? 0);
}
