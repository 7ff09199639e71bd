/**
 * The views there are. A view is a module of views/ with one function:
 *
 *     export function open(root) { ...; return { update, redraw, close } }
 *
 * `open(root)` builds the view once in `root`, an empty element that is its own. `async update(state, signal)` then brings
 * it in line with the state of the page (./state.js): when it has been opened, after every change of the URL, and
 * whenever it is time to refresh. It asks through ./api.js with `signal`, which is aborted when the state changes again
 * or the view is left, and ends when everything is drawn. It keeps what it can of what was there: scroll position,
 * focus, numbers that did not change. It lets errors through: ./app.js shows them, at the filter or the window of time
 * when they are about those, and asks again where that may help. It returns what the window of time was that it shows,
 * `{from, to}` of an answer, if there is one. The other two may be left out. `redraw(state)` is tried
 * first when the URL has changed; it returns true when nothing had to be asked, because it was only a sort order or the
 * like, and the view shows it. `close()` lets go of what the document does not.
 *
 * What a view keeps in the URL for itself (a sort order, a chosen step) is read from `state` by its own name, undefined
 * when it is not there, and written by `change` or `link` of ./state.js. Another view begins without it.
 */

/**
 * @typedef {import("./state.js").State} State
 * @typedef {{from: string, to: string}} Shown
 *
 * @typedef {object} View
 * @property {(state: State, signal: AbortSignal) => Promise<Shown | void>} update
 * @property {(state: State) => boolean} [redraw]
 * @property {() => void} [close]
 *
 * @typedef {object} Entry
 * @property {string} name  What the URL calls it: `?view=functions`.
 * @property {string} title
 * @property {string} [keys]  That lead to it. A view without is reached from others only, and not in the navigation.
 * @property {boolean} [ofRecords]  Its filter is about log records: one about spans is not taken there, nor back.
 * @property {() => Promise<{open: (root: HTMLElement) => View}>} load
 */

/** In the order of the navigation; the first is for URLs that name none. @type {Entry[]} */
export const VIEWS = [
  { name: "functions", title: "Functions", keys: "g f", load: () => import("./views/functions.js") },
  { name: "function", title: "Function", load: () => import("./views/function.js") },
  { name: "trace", title: "Trace", keys: "g t", load: () => import("./views/trace.js") },
  { name: "live", title: "Live", keys: "g l", load: () => import("./views/live.js") },
  { name: "logs", title: "Logs", keys: "g o", ofRecords: true, load: () => import("./views/logs.js") },
  { name: "events", title: "Events", keys: "g e", ofRecords: true, load: () => import("./views/events.js") },
  { name: "boards", title: "Boards", keys: "g b", load: () => import("./views/boards.js") },
  { name: "rules", title: "Rules", keys: "g r", load: () => import("./views/rules.js") },
  { name: "query", title: "Query", keys: "g q", load: () => import("./views/query.js") },
];
