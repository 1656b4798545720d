// Before anything is drawn: the theme that was chosen here last; without a choice, the system's.
try {
  const chosen = localStorage.getItem("tokenbooth-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off: the system's theme it is.
}
