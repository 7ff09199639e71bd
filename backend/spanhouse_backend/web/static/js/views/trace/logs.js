/**
 * What was logged during the trace, in order of time, when anything was: of the span that is chosen, or of all. Each record
 * leads to itself in the view of logs, and to its span.
 *
 * In the URL: `logs` ("trace": all of them, also while a span is chosen).
 */

import { ask } from "../../api.js";
import { fill, h } from "../../dom.js";
import { count, duration } from "../../format.js";
import { severity } from "../../levels.js";
import { link } from "../../state.js";
import { iso } from "../parts/time-axis.js";

const MOST = 1000;
const SHOWN_CHARACTERS = 5000;
const MS = 1_000_000n;

/** @typedef {import("../../api.js").Answer} Answer */

export class TraceLogs {
  constructor() {
    this.element = h("section", { class: "trace-logs", "aria-label": "Log records of the trace", tabindex: -1, hidden: true });
    /** What is shown. */
    this.all = /** @type {Answer | undefined} */ (undefined);
    this.ofSpan = this.all;
    this.selected = "";
  }

  /**
   * @param {import("../../state.js").State} state
   * @param {import("./tree.js").Trace} trace
   * @param {AbortSignal} signal
   */
  async show(state, trace, signal) {
    const span = state.span ?? "";
    const narrowed = Boolean(span) && state.logs !== "trace";
    const asked = { trace_id: state.trace, limit: MOST };
    const [all, ofSpan] = await Promise.all([
      ask("logs", asked, { signal, exactTimes: true }),
      narrowed ? ask("logs", { ...asked, span_id: span }, { signal, exactTimes: true }) : undefined,
    ]);
    const selected = `${span} ${state.logs ?? ""}`;
    if (all === this.all && ofSpan === this.ofSpan && selected === this.selected) {
      return;
    }
    [this.all, this.ofSpan, this.selected] = [all, ofSpan, selected];
    this.element.hidden = all.rows.length === 0;
    const { rows, next } = ofSpan ?? all;
    const begin = trace.spans[0].row.start_unix_ns - BigInt(Math.round(trace.spans[0].start));
    const focused = this.element.contains(document.activeElement);
    fill(
      this.element,
      h("h2", {}, ofSpan ? "Logs of the span " : "Logs ", `(${count(rows.length)}${next ? ", the first of more" : ""})`),
      h("p", { class: "actions" }, ofSpan ? others(all, rows.length) : span && h("a", { href: link({ logs: "" }) }, "Only the span's"), rows.length > 0 && inLogs(all, state, "In the view of logs")),
      rows.length > 0 &&
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["into the trace", "level", "span", "message"].map((title) => h("th", { scope: "col" }, title)))),
          h("tbody", {}, rows.map((row) => line(row, begin, trace, all, state))),
        ),
    );
    if (focused) {
      // Keys go on to work: what had the focus is gone.
      this.element.focus({ preventScroll: true });
    }
  }
}

/** How many of the trace's are not the span's, and the way to them. @param {Answer} all @param {number} shown */
function others({ rows, next }, shown) {
  const more = rows.length - shown;
  if (!more && !next) {
    return "All of the trace are of this span.";
  }
  return h("a", { href: link({ logs: "trace" }) }, next ? "Show all of the trace" : `Show the ${count(more)} other${more === 1 ? "" : "s"} of the trace`);
}

/**
 * To the view of logs, with all records of the trace, and one of them open.
 * @param {Answer} all
 * @param {import("../../state.js").State} state
 * @param {import("../../dom.js").Child} text
 * @param {string} [record]
 */
function inLogs({ rows }, { trace }, text, record = "") {
  const [first, last] = [rows[0], rows[rows.length - 1]].map(({ time_unix_ns }) => Number(time_unix_ns / (1000n * MS)));
  const href = link({ view: "logs", filter: `trace_id=${trace}`, service: "", since: iso(first * 1000), until: iso((last + 1) * 1000), order: "oldest", record });
  return h("a", { href }, text);
}

/**
 * @param {import("../../api.js").Row} row
 * @param {bigint} begin
 * @param {import("./tree.js").Trace} trace
 * @param {Answer} all
 * @param {import("../../state.js").State} state
 */
function line(row, begin, trace, all, state) {
  const span = trace.byId.get(row.span_id);
  const name = span ? span.row.name.slice(0, 200) || "(no name)" : row.service;
  return h(
    "tr",
    { class: state.span && row.span_id === state.span ? "chosen" : "" },
    h("td", { class: "number" }, inLogs(all, state, duration(row.time_unix_ns - begin), row.id)),
    h("td", {}, severity(/** @type {any} */ (row))),
    h("td", {}, span ? h("a", { href: link({ span: row.span_id }), dir: "auto" }, name) : h("bdi", {}, name)),
    h("td", {}, h("bdi", { class: "text" }, (row.body || row.event).slice(0, SHOWN_CHARACTERS))),
  );
}
