/**
 * Light or dark: what the system asks for, unless somebody chose otherwise here; that is remembered in this browser.
 * Loaded before the first paint.
 */

const KEY = "spanhouse.theme";
const ORDER = ["", "light", "dark"];
const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

/** "light", "dark", or "" for what the system asks for. */
export function chosenTheme() {
  try {
    const stored = localStorage.getItem(KEY) ?? "";
    return ORDER.includes(stored) ? stored : "";
  } catch {
    return ""; // where storage is forbidden
  }
}

/** Goes on to the next of system, light, dark, and returns it. */
export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(chosenTheme()) + 1) % ORDER.length];
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It holds until the page is left, then.
  }
  apply(next);
  return next;
}

/**
 * @param {() => void} listener  Told when the page becomes dark or light.
 * @returns {() => void} ends it
 */
export function onTheme(listener) {
  const ending = new AbortController();
  SYSTEM.addEventListener("change", listener, { signal: ending.signal });
  addEventListener("spanhouse:theme", listener, { signal: ending.signal });
  return () => ending.abort();
}

/** @param {string} theme */
function apply(theme) {
  document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event("spanhouse:theme"));
}

apply(chosenTheme());
