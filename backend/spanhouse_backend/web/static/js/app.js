/**
 * The page: its bar, the view that the URL names below it, and what happens between them. It asks the view to bring
 * itself up to date, shows what went wrong where it belongs, and sees to it that it is asked again.
 */

import { ApiError, ask, forgetCalls, Unreachable } from "./api.js";
import { showCalls, showHelp } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { FilterBox } from "./filter-box.js";
import { bind } from "./keyboard.js";
import { INTERVALS, Refresh } from "./refresh.js";
import { accountElement, signIn } from "./session.js";
import { change, current, link, onChange } from "./state.js";
import { loading } from "./states.js";
import { chosenTheme, nextTheme } from "./theme.js";
import { clock } from "./time.js";
import { TimePicker } from "./time-picker.js";
import { VIEWS } from "./views.js";

const ASK_AGAIN_MS = 5000;
const THEME_NAMES = { "": "system", light: "light", dark: "dark" };

const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const main = place("view");
const problem = place("problem");

const filterBox = new FilterBox();
const timePicker = new TimePicker();
const refresh = new Refresh(() => show());

/** @type {{entry: import("./views.js").Entry, view: import("./views.js").View} | undefined} */
let opened;
let showing = new AbortController();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;

/** Brings everything in line with the URL; an earlier time that has not ended is given up. */
async function show() {
  showing.abort();
  showing = new AbortController();
  const { signal } = showing;
  clearTimeout(again);
  refresh.begun();
  const state = current();
  updateBar(state);
  main.setAttribute("aria-busy", "true");
  try {
    const { view } = await viewOf(state, signal);
    const shown = await view.update(state, signal);
    signal.throwIfAborted();
    fill(problem);
    if (shown) {
      timePicker.showAnswered(shown);
    }
    bar.updated.textContent = clock(String(new Date().toISOString()), state.zone, { date: false });
  } catch (error) {
    if (!signal.aborted) {
      await showProblem(error);
    }
  } finally {
    if (!signal.aborted) {
      main.setAttribute("aria-busy", "false");
      refresh.ended();
    }
  }
}

/** The URL is another. @param {import("./state.js").State} state */
function changed(state) {
  if (opened?.entry === entryOf(state) && opened.view.redraw?.(state)) {
    updateBar(state);
  } else {
    show();
  }
}

/** @param {import("./state.js").State} state */
function entryOf(state) {
  return VIEWS.find(({ name }) => name === state.view) ?? VIEWS[0];
}

/** What changes when another view is chosen. @param {import("./views.js").Entry} entry @returns {Record<string, string>} */
function wayTo(entry) {
  const same = Boolean(entry.ofRecords) === Boolean(entryOf(current()).ofRecords);
  return { view: entry.name, ...(same ? {} : { filter: "" }) };
}

/** @param {import("./state.js").State} state @param {AbortSignal} signal */
async function viewOf(state, signal) {
  const entry = entryOf(state);
  if (opened?.entry !== entry) {
    opened?.view.close?.();
    opened = undefined;
    forgetCalls();
    document.title = `${entry.title} · spanhouse`;
    fill(main, loading());
    const module = await entry.load();
    signal.throwIfAborted();
    const root = h("div", { class: `view ${entry.name}` });
    fill(main, root);
    opened = { entry, view: module.open(root) };
  }
  return opened;
}

/** @param {unknown} error */
async function showProblem(error) {
  if (error instanceof ApiError && error.status === 401) {
    opened?.view.close?.();
    opened = undefined;
    await signIn(main, error);
    again = setTimeout(show);
    return;
  }
  if (error instanceof ApiError && error.parameter === "filter") {
    filterBox.showProblem(error);
    return;
  }
  if (error instanceof ApiError && ["since", "until"].includes(error.parameter ?? "")) {
    timePicker.showProblem(error);
    return;
  }
  const retry = h("button", { type: "button", onclick: () => show() }, "Try again");
  if (error instanceof Unreachable) {
    fill(problem, h("p", {}, `${error.message} What is shown is what it last said; it is asked again every 5 seconds. `, retry));
    again = setTimeout(show, ASK_AGAIN_MS);
    return;
  }
  if (!(error instanceof ApiError)) {
    console.error(error);
  }
  fill(problem, h("p", {}, error instanceof Error ? error.message : String(error), " ", retry));
}

/** The bar, once; `updateBar` then keeps it. */
function makeBar() {
  const services = h("select", { "aria-label": "Service", onchange: () => change({ service: services.value }) });
  services.addEventListener("focus", () => listServices());
  const interval = h(
    "select",
    { "aria-label": "Refresh", title: "Refresh", onchange: () => change({ refresh: interval.value }, { replace: true }) },
    INTERVALS.map(([value, label]) => h("option", { value }, label)),
  );
  const updated = h("span", { class: "updated", title: "Last asked at" });
  const theme = h("button", { type: "button", class: "icon", onclick: () => nameTheme(nextTheme()) }, "◐");
  const nameTheme = (/** @type {string} */ name) => {
    const label = `Theme: ${THEME_NAMES[/** @type {keyof typeof THEME_NAMES} */ (name)]}`;
    theme.title = label;
    theme.setAttribute("aria-label", label);
  };
  nameTheme(chosenTheme());
  const now = h("button", { type: "button", class: "icon", title: "Refresh now (r)", "aria-label": "Refresh now", onclick: () => show() }, "↻");
  const rest = h("button", { type: "button", title: "The REST calls behind this view", onclick: () => showCalls() }, "API");
  const help = h("button", { type: "button", class: "icon", title: "Keys (?)", "aria-label": "Keys", onclick: showHelp }, "?");
  const navigation = h("nav", { "aria-label": "Views" });
  fill(
    place("bar"),
    h("a", { class: "brand", href: "?" }, "spanhouse"),
    navigation,
    filterBox.element,
    services,
    timePicker.element,
    h("span", { class: "refresh" }, now, interval, updated),
    h("span", { class: "tools" }, accountElement(), rest, theme, help),
  );
  return { navigation, services, interval, updated };
}

/** @param {import("./state.js").State} state */
function updateBar(state) {
  const view = entryOf(state);
  fill(
    bar.navigation,
    VIEWS.filter(({ keys }) => keys).map((entry) =>
      h("a", { href: link(wayTo(entry)), "aria-current": entry === view && "page" }, entry.title),
    ),
  );
  filterBox.update(state, Boolean(view.ofRecords));
  timePicker.update(state);
  if (![...bar.services.options].some(({ value }) => value === state.service)) {
    fill(bar.services, serviceOptions([state.service]));
  }
  bar.services.value = state.service;
  bar.interval.value = state.refresh;
  refresh.every(state.refresh);
}

/** The services there are, asked for when somebody is about to choose. */
async function listServices() {
  const { rows } = await ask("services", { limit: 1000 }).catch(() => ({ rows: [] }));
  const { service } = current();
  fill(bar.services, serviceOptions([...new Set([...rows.map((row) => row.service), service])]));
  bar.services.value = service;
}

/** @param {string[]} names */
function serviceOptions(names) {
  const named = names.filter((name) => name).sort();
  return [h("option", { value: "" }, "All services"), named.map((name) => h("option", { value: name }, name))];
}

const bar = makeBar();
bind("/", "Filter", () => filterBox.focus());
bind("t", "Window of time", () => timePicker.open());
bind("r", "Refresh now", () => show());
bind("?", "This help", showHelp);
for (const entry of VIEWS) {
  if (entry.keys) {
    bind(entry.keys, entry.title, () => change(wayTo(entry)));
  }
}
onChange(changed);
show();
