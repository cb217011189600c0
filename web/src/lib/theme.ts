/** The reader's choice. `system` follows the system and changes with it. */
const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

/** The same key stands in static/theme.js, which sets the theme before the first paint. */
const storageKey = 'bkg-theme';

/** @param open may throw: a browser that is told to keep nothing refuses its storage already to who asks for it */
export function readTheme(open: () => Pick<Storage, 'getItem'>): Theme {
  let stored: string | null;
  try {
    stored = open().getItem(storageKey);
  } catch {
    return 'system';
  }
  return themes.find((theme) => theme === stored) ?? 'system';
}

/** @param open as for `readTheme`; what is not kept is there until the page is left */
export function applyTheme(theme: Theme, open: () => Pick<Storage, 'setItem'>, root: HTMLElement): void {
  if (theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    open().setItem(storageKey, theme);
  } catch {
    // Nothing may be kept, or nothing more.
  }
}

export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
}
