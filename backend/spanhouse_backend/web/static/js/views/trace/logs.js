/** What was logged during the trace, in order of time, when anything was; each record leads to its span. */

import { ask } from "../../api.js";
import { fill, h } from "../../dom.js";
import { count, duration } from "../../format.js";
import { link } from "../../state.js";

const MOST = 1000;
const ERROR = 17;
const WARNING = 13;
const SHOWN_CHARACTERS = 5000;

export class TraceLogs {
  constructor() {
    this.element = h("section", { class: "logs", "aria-label": "Log records of the trace", hidden: true });
    /** @type {import("../../api.js").Answer | undefined} */
    this.answer = undefined;
    this.selected = "";
  }

  /**
   * @param {import("../../state.js").State} state
   * @param {import("./tree.js").Trace} trace
   * @param {AbortSignal} signal
   */
  async show(state, trace, signal) {
    const answer = await ask("logs", { trace_id: state.trace, limit: MOST }, { signal, exactTimes: true });
    const selected = state.span ?? "";
    if (answer === this.answer && selected === this.selected) {
      return;
    }
    this.answer = answer;
    this.selected = selected;
    this.element.hidden = answer.rows.length === 0;
    const begin = trace.spans[0].row.start_unix_ns - BigInt(Math.round(trace.spans[0].start));
    fill(
      this.element,
      h("h2", {}, `Logs (${count(answer.rows.length)}${answer.rows.length === MOST ? ", the first of more" : ""})`),
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ["into the trace", "severity", "span", "message"].map((title) => h("th", { scope: "col" }, title)))),
        h("tbody", {}, answer.rows.map((row) => line(row, begin, trace, selected))),
      ),
    );
  }
}

/** @param {import("../../api.js").Row} row @param {bigint} begin @param {import("./tree.js").Trace} trace @param {string} selected */
function line(row, begin, trace, selected) {
  const span = trace.byId.get(row.span_id);
  const kind = row.severity_number >= ERROR ? "bad" : row.severity_number >= WARNING ? "warning" : "";
  const name = span ? span.row.name.slice(0, 200) || "(no name)" : row.service;
  return h(
    "tr",
    { class: selected && row.span_id === selected ? "chosen" : "" },
    h("td", { class: "number" }, duration(row.time_unix_ns - begin)),
    h("td", { class: kind }, row.severity || (row.severity_number ? `severity ${row.severity_number}` : "")),
    h("td", {}, span ? h("a", { href: link({ span: row.span_id }), dir: "auto" }, name) : h("bdi", {}, name)),
    h("td", {}, h("bdi", { class: "text" }, (row.body || row.event).slice(0, SHOWN_CHARACTERS))),
  );
}
