/**
 * How the rules stand that the server keeps (`spanhouse serve --rules`): in trouble or well, since when, what was measured
 * against what is allowed, and who was told when. Those in trouble come first, as the API has them.
 */

import { ask } from "../api.js";
import { fill, h } from "../dom.js";
import { count, duration, percent } from "../format.js";
import { clock } from "../time.js";

const MOST = 1000;
const SHOWN_CHARACTERS = 1000;
const SHOWN_GROUPS = 100;
/** Units of what rules measure. @type {Record<string, (value: number) => string>} */
const UNITS = { ns: duration, share: percent, calls: count };
const COLUMNS = ["State", "Rule", "Measured", "Allowed", "Since", "Judged", "Told"];

/** @typedef {import("../api.js").Row} Row */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  /** @type {import("../api.js").Answer | undefined} */
  let shown;
  let zone = "";
  /** The rules whose details somebody looks at: they stay open when there are new numbers. @type {Set<string>} */
  const opened = new Set();
  return {
    async update(state, signal) {
      const answer = await ask("rules", { limit: MOST }, { signal, exactTimes: true });
      if (answer !== shown || state.zone !== zone) {
        [shown, zone] = [answer, state.zone];
        fill(root, answer.rows.length ? [summary(answer.rows), table(answer.rows, state.zone, opened)] : none());
      }
    },
  };
}

/** @param {Row[]} rows */
function summary(rows) {
  const states = [...new Set(rows.map((row) => row.state))];
  const each = states.map((name) => `${count(rows.filter((row) => row.state === name).length)} ${name}`);
  return h("p", { class: "shown", role: "status" }, `${count(rows.length)} ${rows.length === 1 ? "rule" : "rules"}: ${each.join(", ")}`);
}

/** @param {Row[]} rows @param {string} zone @param {Set<string>} opened */
function table(rows, zone, opened) {
  return h(
    "div",
    { class: "table", tabindex: 0, role: "region", "aria-label": "Rules" },
    h(
      "table",
      { "aria-label": "Rules" },
      h("thead", {}, h("tr", {}, COLUMNS.map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, rows.map((row) => line(row, zone, opened))),
    ),
  );
}

/** @param {Row} row @param {string} zone @param {Set<string>} opened */
function line(row, zone, opened) {
  const measure = UNITS[row.unit] ?? String;
  const value = (/** @type {number | null} */ number) => (number === null ? "–" : measure(number));
  const when = (/** @type {bigint} */ moment) => (moment ? clock(moment, zone) : h("span", { class: "none" }, "never"));
  return h(
    "tr",
    {},
    h("td", {}, h("span", { class: `rule-state ${row.state}` }, row.state)),
    h(
      "td",
      {},
      h("strong", {}, text(row.rule)),
      h("div", {}, text(row.summary || row.means)),
      row.problem && h("div", { class: "bad" }, text(row.problem)),
      row.description && h("div", { class: "none" }, text(row.description)),
      more(row, value, opened),
    ),
    h("td", {}, value(row.value), row.breaching > 0 && h("div", { class: "none" }, `${count(row.breaching)} in breach`)),
    h("td", {}, value(row.threshold)),
    h("td", {}, when(row.since_unix_ns)),
    h("td", {}, when(row.evaluated_unix_ns)),
    h("td", {}, when(row.told_unix_ns)),
  );
}

/**
 * What the rule means, and what it found of each group of calls.
 * @param {Row} row
 * @param {(value: number | null) => string} value
 * @param {Set<string>} opened
 */
function more({ rule, means, groups }, value, opened) {
  const found = groups.slice(0, SHOWN_GROUPS);
  const details = h(
    "details",
    { open: opened.has(rule), ontoggle: () => opened[details.open ? "add" : "delete"](rule) },
    h("summary", {}, `What it means${groups.length ? `, and ${count(groups.length)} measured` : ""}`),
    h("p", {}, text(means)),
    h(
      "ul",
      {},
      found.map((/** @type {Row} */ { group, outcome, calls, value: measured, says }) =>
        h("li", {}, h("span", { class: outcome === "breach" && "bad" }, outcome), ": ", text(says || Object.values(group).join(" ")), ` (${value(measured)}, ${count(calls)} calls)`),
      ),
    ),
    groups.length > found.length && h("p", { class: "hint" }, `the first ${count(SHOWN_GROUPS)}`),
  );
  return details;
}

/** @param {string} words */
function text(words) {
  return h("bdi", {}, words.length > SHOWN_CHARACTERS ? `${words.slice(0, SHOWN_CHARACTERS)}…` : words);
}

function none() {
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, "No rules are kept here"),
    h("p", {}, "A file says what is to hold, and who is told when it does not:"),
    h(
      "pre",
      { class: "code", tabindex: 0, "aria-label": "rules.yaml" },
      "rules:\n  - rule: nothing takes longer than a second\n    kind: percentile\n    measure: p99\n    above: 1s\n",
    ),
    h("p", {}, "Start the server with it, and it is judged every minute:"),
    h("pre", { class: "code", tabindex: 0, "aria-label": "Shell" }, h("mark", {}, "spanhouse serve --rules rules.yaml\n")),
  );
}
