// Runs before the first paint, so that a chosen theme never flashes through the other. See src/lib/theme.ts.
try {
  const theme = localStorage.getItem('bkg-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden; then the system's theme it is.
}
