export const signInPath = '/sign-in' as const;

/**
 * Where to go after signing in: a path of this page, whatever the address says. `//host`, `/\host` and what becomes one
 * of them lead elsewhere, and none of them comes back from here.
 */
export function nextOf(wanted: string | null, origin: string): string {
  const start = '/plugins';
  if (!wanted?.startsWith('/') || wanted.startsWith('//')) return start;
  let url: URL;
  try {
    url = new URL(wanted, origin);
  } catch {
    return start;
  }
  const isOurs = url.origin === origin && !url.pathname.startsWith('//');
  if (!isOurs || url.pathname === signInPath || url.pathname === '/') return start;
  return url.pathname + url.search;
}

/** The sign-in page that leads back to `url`. */
export function signInTo({
  pathname,
  search,
}: Pick<URL, 'pathname' | 'search'>): '/sign-in' | `/sign-in?${string}` {
  const next = nextOf(pathname + search, 'http://page');
  return next === '/plugins' ? signInPath : `/sign-in?${new URLSearchParams({ next }).toString()}`;
}
