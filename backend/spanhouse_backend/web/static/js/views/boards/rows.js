/** An answer as a table of a panel's columns, in the answer's own order until a heading is chosen; names and traces are links. */

import { h } from "../../dom.js";
import { severity } from "../../levels.js";
import { cut } from "../../function-link.js";
import { link } from "../../state.js";
import { Table } from "../../table.js";
import { textOf, valueOf } from "./values.js";

const SHOWN_CHARACTERS = 300;
/** How wide columns are, in em, by what they are; more where there is room. */
const WIDTHS = { count: 6, duration: 6.5, share: 6.5, number: 6.5, metric: 7, time: 12.5, text: 14 };
const NARROW_TEXT = 7.5;
const NARROW_TEXTS = new Set(["service", "severity", "type", "status", "level", "kind", "trace_id", "span_id"]);
const LONGEST_ASKABLE_NAME = 1024;

/** @typedef {import("../../api.js").Row} Row */

/** @param {import("./values.js").PanelDocument} panel @param {Record<string, string>} window  The panel's own, for links. */
export function rowsTable(panel, window) {
  let zone = "";
  /** @type {Row[]} */
  let rows = [];
  /** @type {import("../../table.js").Sort} */
  let sort = { key: "", descending: false };
  /** @type {Map<Row, string>} */
  const keys = new Map();
  const table = new Table({
    label: panel.title,
    columns: panel.columns.map((column, index) => ({
      key: String(index),
      title: column.name.replaceAll("_", " "),
      width: `${widthOf(column)}em`,
      numeric: column.kind !== "text" && column.kind !== "time",
      value: (/** @type {Row} */ row) => valueOf(row, column) ?? -Infinity,
      cell: (/** @type {Row} */ row) => cellOf(row, column, textOf(row, column, zone), window),
    })),
    keyOf: (row) => keys.get(row) ?? "",
    onSort: (wanted) => {
      sort = wanted;
      table.show(rows, sort);
    },
  });
  // What has no room for all of its columns is scrolled sideways in its box.
  table.table.style.minWidth = `${panel.columns.reduce((sum, column) => sum + widthOf(column), 0)}em`;
  return {
    element: table.element,
    /** @param {Row[]} fresh @param {string} inZone */
    show(fresh, inZone) {
      [rows, zone] = [fresh, inZone];
      keys.clear();
      rows.forEach((row, index) => keys.set(row, String(index)));
      table.show(rows, sort);
    },
  };
}

/** @param {import("./values.js").Column} column */
function widthOf({ name, kind }) {
  return kind === "text" && NARROW_TEXTS.has(name) ? NARROW_TEXT : WIDTHS[/** @type {keyof typeof WIDTHS} */ (kind)];
}

/** @param {Row} row @param {import("./values.js").Column} column @param {string} text @param {Record<string, string>} window */
function cellOf(row, { name, kind, path }, text, window) {
  if (kind !== "text") {
    return text;
  }
  if (name === "severity" && "severity_number" in row) {
    return severity(/** @type {any} */ (row));
  }
  if (path.length === 1 && name.endsWith("trace_id") && text) {
    return h("a", { class: "id", href: link({ view: "trace", trace: text, span: row.span_id ?? "" }), title: `Trace ${text}` }, text.slice(0, 8));
  }
  const of = row.group ?? row;
  if (name === "name" && of.service !== undefined && text.length <= LONGEST_ASKABLE_NAME) {
    const href = link({ ...window, view: "function", service: of.service, name: text });
    return h("span", { class: "name" }, h("a", { href, title: text, dir: "auto" }, cut(text) || "(no name)"));
  }
  const shown = text.slice(0, SHOWN_CHARACTERS);
  return h("bdi", { title: shown }, shown);
}
