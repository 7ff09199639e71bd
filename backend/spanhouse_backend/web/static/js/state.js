/**
 * What the page shows is what its URL's query says, all of it: so back, forward, reload and a link that is sent to
 * somebody else work by themselves. Values are texts, as the REST API takes them; a value that is the default is left
 * out of the URL.
 */

/**
 * @typedef {Readonly<Record<string, string>>} State  `since`, `until`, `zone`, `refresh`, `service` and `filter`, which
 *   all views share, `view`, and what the view keeps for itself.
 */

/** What is not in the URL. @type {State} */
export const DEFAULTS = Object.freeze({
  view: "functions",
  since: "1h", // "" is everything stored; see EVERYTHING
  until: "",
  zone: "", // the browser's
  refresh: "",
  service: "",
  filter: "",
});

/** How the URL says `since=""`, which would otherwise be the default. */
const EVERYTHING = "all";
const SHARED = new Set(Object.keys(DEFAULTS));

/** @type {Set<(state: State) => void>} */
const listeners = new Set();

/** The state of the page. @returns {State} */
export function current() {
  return read(location.search);
}

/**
 * The state that a query stands for.
 * @param {string} query
 * @returns {State}
 */
export function read(query) {
  const given = Object.fromEntries(new URLSearchParams(query));
  if (given.since === EVERYTHING) {
    given.since = "";
  }
  return Object.freeze({ ...DEFAULTS, ...given });
}

/** Whether the URL says so itself, be it what would hold without. @param {string} name */
export function isSaid(name) {
  return new URLSearchParams(location.search).has(name);
}

/**
 * The link to the current state with `changes`. Another view begins without what this one kept for itself. Boards have
 * windows of their own, which hold where none is said: there, one that was chosen is said also when it is the default.
 * @param {Record<string, string>} changes
 * @returns {string}
 */
export function link(changes) {
  const now = current();
  const moves = changes.view !== undefined && changes.view !== now.view;
  const kept = Object.entries(now).filter(([name]) => !moves || SHARED.has(name));
  const query = new URLSearchParams();
  const wanted = { ...Object.fromEntries(kept), ...changes };
  const saysSince = wanted.view === "boards" && !moves && (changes.since !== undefined || isSaid("since"));
  for (const [name, value] of Object.entries(wanted)) {
    if (value !== (DEFAULTS[name] ?? "") || (name === "since" && saysSince)) {
      query.set(name, name === "since" && value === "" ? EVERYTHING : value);
    }
  }
  return `?${query}`;
}

/**
 * Goes to the current state with `changes`; `replace` leaves no trace in the history, for what changes as somebody types.
 * @param {Record<string, string>} changes
 * @param {{replace?: boolean}} [how]
 */
export function change(changes, { replace = false } = {}) {
  const to = link(changes);
  if (to === link({})) {
    return;
  }
  history[replace ? "replaceState" : "pushState"](null, "", to);
  announce();
}

/** Calls `listener` whenever the state has changed. @param {(state: State) => void} listener */
export function onChange(listener) {
  listeners.add(listener);
}

function announce() {
  const state = current();
  for (const listener of listeners) {
    listener(state);
  }
}

/**
 * Links to states of this page do not load it again. Those to be opened elsewhere are left to the browser.
 * @param {MouseEvent} event
 */
function follow(event) {
  const anchor = event.target instanceof Element ? event.target.closest("a") : null;
  const elsewhere = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!anchor || elsewhere || event.defaultPrevented || !anchor.getAttribute("href")?.startsWith("?")) {
    return;
  }
  event.preventDefault();
  history.pushState(null, "", anchor.href);
  announce();
}

addEventListener("popstate", announce);
addEventListener("click", follow);
