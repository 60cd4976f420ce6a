// Runs before the first paint, so that the page never flashes in the other theme.
(() => {
  let theme = 'system';
  try {
    theme = JSON.parse(localStorage.getItem('offshoot.appearance') || '{}').theme || theme;
  } catch {
    // No storage or not ours: follow the system.
  }
  if (theme === 'system') {
    theme = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  }
  document.documentElement.dataset.theme = theme;
})();
