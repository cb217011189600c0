import { isSecretEnv, secretMask } from '@bkg/sdk';
import type { Credentials, PluginConfig } from '@bkg/sdk';

/** A shorter one may be a word that stands in many lines, as the `strict` of an `AUTH_MODE`. */
const leastChars = 8;

/**
 * What an instance was given and nobody is shown: its credentials, and the values of its `env` whose names sound like a
 * secret. Whoever prints its whole environment, or an error that has it, does not mean to show them. They are found as they
 * were given, each line of one by itself because output is read by lines; what a plugin makes of one is not.
 */
export class KnownSecrets {
  /** As they were given, and as JSON writes them; the longest first, because one may hold another. */
  readonly #texts: readonly string[];

  /** @param credentials as they are in its file, which it may have changed */
  constructor(credentials: unknown, config: Pick<PluginConfig, 'env'> | undefined) {
    const ofEnv = Object.entries(config?.env ?? {}).flatMap(([name, value]) =>
      isSecretEnv(name) ? value.split(/\r?\n/) : [],
    );
    const { password, callout } = Object(credentials) as Partial<Record<keyof Credentials, unknown>>;
    const { issuer_seed } = Object(callout) as { issuer_seed?: unknown };
    const given = [password, issuer_seed, ...ofEnv].filter((one) => typeof one === 'string');
    const texts = given.map((text) => text.trim()).filter((text) => text.length >= leastChars);
    const written = texts.flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
    this.#texts = [...new Set(written)].sort((a, b) => b.length - a.length);
  }

  /** A text with stars for each of them. */
  hide(text: string): string {
    let hidden = text;
    for (const secret of this.#texts) hidden = hidden.replaceAll(secret, secretMask);
    return hidden;
  }

  /** The same of all texts in a value that was read from the JSON `text`. */
  hideIn<T>(value: T, text: string): T {
    return this.#texts.some((secret) => text.includes(secret)) ? (this.#hideDeep(value) as T) : value;
  }

  #hideDeep(value: unknown): unknown {
    if (typeof value === 'string') return this.hide(value);
    if (Array.isArray(value)) return value.map((one) => this.#hideDeep(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [this.hide(name), this.#hideDeep(one)]),
    );
  }
}

/** Of what nothing secret is known. */
export const noSecrets = new KnownSecrets(undefined, undefined);
