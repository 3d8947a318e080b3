// Before the first paint: the pinned theme, if there is one. A file of its own because the page allows no inline script.
try {
  const theme = localStorage.getItem('axiom47-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be switched off; then the system's theme stands.
}
