/** What a panel asks on this page, and where the fuller view of the same is. */

import { link } from "../../state.js";
import { zoneName } from "../../time.js";

/**
 * @typedef {import("../../state.js").State} State
 * @typedef {import("./values.js").PanelDocument} PanelDocument
 */

/** The panel's own parameters, and those that it takes of the page. @param {PanelDocument} panel @param {State} state */
export function asked({ parameters, page }, state) {
  /** @type {Record<string, string>} */
  const own = { ...parameters };
  for (const name of page) {
    own[name] = name === "filter" ? both(parameters.filter, state.filter) : name === "timezone" ? zoneName(state.zone) : state[name];
  }
  return own;
}

/** The window that a panel keeps, whatever the page's is; empty when it has the page's. @param {PanelDocument} panel */
export function ownWindow({ parameters: { since, until } }) {
  return since || until ? { since: since ?? "", until: until ?? "" } : {};
}

/** The view that says more of it; "" where there is none. @param {PanelDocument} panel @param {State} state */
export function fullerHref(panel, state) {
  const { question, parameters } = panel;
  const { service = state.service, filter = "", level = "", text = "", stream = "" } = parameters;
  const window = ownWindow(panel);
  const of = question === "timeline" || question === "logs" ? "logs" : question === "metric_percentiles" ? "metrics" : (parameters.of ?? "spans");
  if (of === "logs") {
    return link({ ...window, view: "logs", service, filter, level, text });
  }
  if (of === "events") {
    return link({ ...window, view: "events", service, filter, stream });
  }
  if (of === "metrics") {
    return "";
  }
  const among = { ...window, service, filter: both(filter, state.filter) };
  return parameters.name ? link({ ...among, view: "function", name: parameters.name }) : link({ ...among, view: "functions" });
}

/** @param {string | undefined} one @param {string} other */
function both(one, other) {
  return one && other ? `(${one}) (${other})` : one || other;
}
