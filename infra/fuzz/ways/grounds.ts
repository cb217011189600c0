import type { Bytes } from '../grammar/bytes.ts';

/** What of a mesh the ways have to know to get into it. */
export interface Grounds {
  /** Of the gateway. */
  port: number;
  busPort: number;
  /** BKG_HOME. */
  home: string;
  /** For BKG_PLUGINS_PATH. */
  plugins: string;
  /** Of `target`. */
  instance: string;
  /** For whom the broker lets through everything. */
  credentials: { user: string; password: string };
  routes: string[];
  /** What no answer may repeat. */
  secrets: string[];
  /** Puts keys and addresses of this run in the place of their names. */
  fill: (bytes: Bytes) => Bytes;
}

export interface Keys {
  /** May read and invoke everything, and order `spare` about. */
  key: string;
  /** May read `target`, and nothing else. */
  narrow: string;
  admin: string;
}

/** The routes that no document names, with what it names. */
export const otherRoutes = [
  '/livez',
  '/readyz',
  '/',
  '/sign-in',
  '/ws',
  '/ws/plugins/{id}',
  '/nowhere',
  '/plugins/{id}',
  '/_app/x',
  '/api',
  '//',
  '/..;/',
  '*',
].map((route) => `GET ${route}`);

/**
 * The admin's key goes where keys, roles and the audit are, and nowhere else, whatever an input was changed into: with it
 * `target` and `steady` could be stopped, and nothing would be wrong with that.
 */
export function fillOf({ key, narrow, admin }: Keys, host: string): Grounds['fill'] {
  return (bytes) => {
    const decoded = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_all, code: string) =>
      String.fromCharCode(parseInt(code, 16)),
    );
    return bytes
      .replaceAll('{admin}', /plugins/i.test(decoded) ? key : admin)
      .replaceAll('{key}', key)
      .replaceAll('{narrow}', narrow)
      .replaceAll('{host}', host);
  };
}
