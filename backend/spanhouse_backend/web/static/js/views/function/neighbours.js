/** Who calls the function, and what it calls: each with its part of the function's time, and the way there. */

import { fill, h } from "../../dom.js";
import { count, duration, percent } from "../../format.js";
import { cut, functionLink } from "../../function-link.js";
import { Table } from "../../table.js";
import { bar } from "../parts/data-table.js";
import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";

const LIMIT = 50;

/** The two questions differ in their name, and in what they say when there is nobody. */
class Neighbours extends Panel {
  /** @param {"callers" | "callees"} question @param {string} title @param {string} nobody */
  constructor(question, title, nobody) {
    super(title, question);
    this.question = question;
    this.nobody = nobody;
    this.table = new Table({ label: title, columns: columns(), keyOf: ({ service, name }) => `${service}\0${name}`, onSort: () => {} });
    this.others = h("p", { class: "hint" });
    this.body.append(this.table.element, this.others);
  }

  /** @type {Panel["load"]} */
  async load(ask, state, _window, signal) {
    const answer = await ask(this.question, { ...ofFunction(state), limit: LIMIT });
    signal.throwIfAborted();
    const { roots = 0, orphans = 0, looked_up: calls } = answer;
    const without = [
      roots && `${count(roots)} of ${count(calls)} calls were made by nobody: traces begin with them`,
      orphans && `${count(orphans)} by spans that are not stored`,
      ...answer.notes,
    ].filter(Boolean);
    this.table.show(answer.rows, { key: "", descending: true });
    fill(this.others, without.join("; "));
    return answer.rows.length ? undefined : [this.nobody, ...without].join(" ");
  }
}

export class Callers extends Neighbours {
  constructor() {
    super("callers", "Called by", "Nobody: no caller of these calls is stored.");
  }
}

export class Callees extends Neighbours {
  constructor() {
    super("callees", "Calls", "It calls nothing that is recorded.");
  }
}

/** @returns {import("../../table.js").Column<any>[]} */
function columns() {
  return [
    { key: "name", title: "Function", width: "auto", cell: (row) => h("span", { class: "name" }, functionLink(row)) },
    { key: "service", title: "Service", width: "7em", cell: (row) => h("bdi", {}, cut(row.service)) },
    { key: "share", title: "Share of time", hint: "Time of these calls, of all time of the function", width: "7.5em", numeric: true, cell: (row) => bar(row.share, percent(row.share)) },
    { key: "calls", title: "Calls", width: "5em", numeric: true, cell: (row) => count(row.calls) },
    { key: "errors", title: "Errors", width: "4.6em", numeric: true, cell: (row) => h("span", { class: row.errors ? "bad" : "none" }, percent(row.errors / row.calls)) },
    { key: "p50", title: "p50", width: "5.5em", numeric: true, cell: (row) => duration(row.p50_ns) },
    { key: "p99", title: "p99", width: "5.5em", numeric: true, cell: (row) => duration(row.p99_ns) },
  ];
}
