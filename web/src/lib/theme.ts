/** The reader's choice. `system` follows the system and changes with it. */
export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

/** The same key stands in static/theme.js, which sets the theme before the first paint. */
const storageKey = 'bkg-theme';

export function readTheme(storage: Pick<Storage, 'getItem'>): Theme {
  const stored = storage.getItem(storageKey);
  return themes.find((theme) => theme === stored) ?? 'system';
}

export function applyTheme(theme: Theme, storage: Pick<Storage, 'setItem'>, root: HTMLElement): void {
  storage.setItem(storageKey, theme);
  if (theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme;
}

export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
}
