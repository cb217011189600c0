import type { IncomingHttpHeaders } from 'node:http';
import { BkgError, sessionMostSecs } from '@bkg/sdk';

/** Of a session, and of a ticket: as the keeper of the keys makes them. */
export const secretPattern = /^[a-z2-7]{52}$/;

/** The cookie that a session of the dashboard is in. */
export class SessionCookie {
  readonly #name: string;
  readonly #attributes: string;

  /** @param isSecure whether everybody comes by TLS: then no other host and no page without it can set it */
  constructor(isSecure: boolean) {
    this.#name = isSecure ? '__Host-bkg_session' : 'bkg_session';
    this.#attributes = `Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
  }

  /**
   * The session's secret; undefined when there is no cookie.
   * @throws BkgError UNAUTHENTICATED for what cannot be one: also for two, of which a neighbour on this host has set one
   */
  read({ cookie }: IncomingHttpHeaders): string | undefined {
    if (cookie === undefined) return undefined;
    const values = cookie.split(';').flatMap((pair) => {
      const [name = '', ...value] = pair.split('=');
      return name.trim() === this.#name ? [value.join('=').trim()] : [];
    });
    const [value] = values;
    if (value === undefined) return undefined;
    if (values.length === 1 && secretPattern.test(value)) return value;
    throw new BkgError(
      'UNAUTHENTICATED',
      `The cookie ${this.#name} ${values.length > 1 ? 'is there more than once' : 'is none of this gateway'}; sign in again.`,
    );
  }

  /** For `Set-Cookie`. */
  set(session: string): string {
    return `${this.#name}=${session}; Max-Age=${sessionMostSecs}; ${this.#attributes}`;
  }

  /** The same, to forget it. */
  clear(): string {
    return `${this.#name}=; Max-Age=0; ${this.#attributes}`;
  }
}
