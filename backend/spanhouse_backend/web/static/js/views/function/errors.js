/** What goes wrong: the types of error, how often, since when, and a recent example of each. */

import { h } from "../../dom.js";
import { quoted } from "../../filter-box.js";
import { count, percent } from "../../format.js";
import { current, link } from "../../state.js";
import { Table } from "../../table.js";
import { clock } from "../../time.js";
import { bar } from "../parts/data-table.js";
import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";
import { traceLink } from "./spans-table.js";

const LIMIT = 50;

export class Errors extends Panel {
  constructor() {
    super("Errors", "errors");
    this.zone = "";
    this.all = 1;
    this.table = new Table({ label: "Errors by type", columns: this.columns(), keyOf: (row) => `${row.service}\0${row.type}`, onSort: () => {} });
    this.body.append(this.table.element);
  }

  /** @type {Panel["load"]} */
  async load(ask, state, _window, signal) {
    const answer = await ask("errors", { ...ofFunction(state), limit: LIMIT });
    signal.throwIfAborted();
    this.zone = state.zone;
    this.all = answer.rows.reduce((sum, row) => sum + row.calls, 0);
    this.table.show(answer.rows, { key: "", descending: true });
    return answer.rows.length ? undefined : `No call failed in this window. ${answer.notes.join("; ")}`;
  }

  /** @returns {import("../../table.js").Column<import("../../api.js").Row>[]} */
  columns() {
    return [
      { key: "type", title: "Type", width: "13em", cell: typeLink },
      { key: "calls", title: "Calls", hint: "and their share of all errors", width: "8em", numeric: true, cell: (row) => bar(row.calls / this.all, `${count(row.calls)} · ${percent(row.calls / this.all)}`) },
      { key: "last", title: "Latest", width: "12em", cell: (row) => h("span", { title: `first ${clock(row.first_unix_ns, this.zone)}` }, clock(Math.round(row.last_unix_ns), this.zone)) },
      { key: "trace", title: "Example", width: "6.5em", cell: (row) => traceLink(row.trace_id) },
      { key: "message", title: "Latest message", width: "auto", cell: (row) => h("bdi", { title: row.message }, row.message) },
    ];
  }
}

/** To the calls that failed this way. @param {import("../../api.js").Row} row */
function typeLink({ type }) {
  const { filter } = current();
  const term = type ? `error.type=${quoted(type)}` : "status=error NOT error.type";
  return h("a", { href: link({ filter: filter ? `(${filter}) ${term}` : term }), title: `Filter: ${term}`, dir: "auto" }, type || "(no type)");
}
