/** Calls as they were recorded, in a short table: how long, when, whether they failed, and the way to their trace. */

import { h } from "../../dom.js";
import { duration } from "../../format.js";
import { link } from "../../state.js";
import { Table } from "../../table.js";
import { clock } from "../../time.js";
import { bar } from "../parts/data-table.js";

const SHOWN_ATTRIBUTES = 4;
const SHOWN_CHARACTERS = 120;

/** @param {string} label */
export function spansTable(label) {
  let zone = "";
  let longest = 1;
  let oneDay = true;
  /** @type {import("../../table.js").Column<import("../../api.js").Row>[]} */
  const columns = [
    { key: "duration", title: "Duration", width: "8em", numeric: true, cell: (row) => bar(row.duration_ns / longest, duration(row.duration_ns)) },
    { key: "start", title: "Began", width: "8em", cell: (row) => began(row.start_unix_ns, zone, oneDay) },
    { key: "trace", title: "Trace", width: "6.5em", cell: (row) => traceLink(row.trace_id, row.span_id) },
    { key: "status", title: "Status", width: "5em", cell: (row) => h("span", { class: row.status === "Error" ? "bad" : "none", title: row.status_message }, row.status === "Error" ? "error" : row.status.toLowerCase()) },
    { key: "attributes", title: "Attributes", width: "auto", cell: (row) => attributes(row.attributes) },
  ];
  const table = new Table({ label, columns, keyOf: (row) => row.trace_id + row.span_id, onSort: () => {} });
  return {
    element: table.element,
    /** @param {import("../../api.js").Row[]} rows  Spans with exact times. @param {string} inZone */
    show(rows, inZone) {
      zone = inZone;
      longest = Math.max(1, ...rows.map((row) => row.duration_ns));
      oneDay = new Set(rows.map((row) => clock(row.start_unix_ns, zone).slice(0, 10))).size <= 1;
      table.show(rows, { key: "", descending: true });
    },
  };
}

/** The day is left out where all are of one. @param {bigint} unixNs @param {string} zone @param {boolean} oneDay */
function began(unixNs, zone, oneDay) {
  const text = clock(unixNs, zone, { milliseconds: true });
  return h("span", { title: text }, oneDay ? text.slice(11) : text.slice(5, 19));
}

/** @param {string} trace @param {string} [span]  Which of it is meant. */
export function traceLink(trace, span = "") {
  return h("a", { href: link({ view: "trace", trace, span }), title: `Trace ${trace}`, class: "id" }, trace.slice(0, 8));
}

/** @param {Record<string, string>} found */
function attributes(found) {
  const texts = Object.entries(found)
    .filter(([key]) => !key.startsWith("code."))
    .slice(0, SHOWN_ATTRIBUTES)
    .map(([key, value]) => `${key}=${value}`);
  const text = texts.join("  ").slice(0, SHOWN_CHARACTERS);
  return h("bdi", { class: "none", title: text }, text);
}
