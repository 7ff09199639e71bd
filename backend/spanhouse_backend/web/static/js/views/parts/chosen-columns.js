/**
 * Columns that somebody chose for a table of records or events: attributes, and fields of JSON bodies. In the URL these are
 * `columns`: "attr.user.id,body.order.id", each escaped, so that any name can be one.
 */

import { fill, h } from "../../dom.js";
import { change, current, link } from "../../state.js";

const SHOWN_CHARACTERS = 300;
const SHOWN_TITLE = 40;
const SHOWN_NAME = 60;

/** The chosen ones. @param {import("../../state.js").State} state @returns {string[]} */
export function chosenColumns({ columns = "" }) {
  return columns.split(",").filter(Boolean).map(unescaped);
}

/** As the URL has them. @param {string[]} names */
export function columnsText(names) {
  return names.map((name) => encodeURIComponent(name)).join(",");
}

/** What stands above a column. @param {string} name */
export function titleOf(name) {
  return name.replace(/^(attr|body)\./, "").slice(0, SHOWN_TITLE);
}

/** A cell's text, of a length that a page can bear. @param {string} value */
export function shortText(value) {
  const shown = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
  return h("bdi", { title: shown }, shown);
}

/** Adds columns to a table and takes them away. */
export class ColumnChoice {
  constructor() {
    this.add = h("select", { "aria-label": "Add a column", onchange: () => this.take(this.add.value) });
    this.element = h("span", { class: "choose columns" });
  }

  /** @param {import("../../state.js").State} state @param {Iterable<string>} names  That there are, "attr.user.id". */
  show(state, names) {
    const chosen = chosenColumns(state);
    const others = [...new Set(names)].filter((name) => !chosen.includes(name)).sort();
    fill(this.add, h("option", { value: "" }, "Add a column …"), others.map((name) => h("option", { value: name }, titleOf(name))));
    fill(
      this.element,
      others.length > 0 && this.add,
      chosen.map((name) => {
        const rest = chosen.filter((other) => other !== name);
        return h("a", { class: "chip", href: link({ columns: columnsText(rest) }), "aria-label": `Remove the column ${name}` }, h("bdi", {}, name.slice(0, SHOWN_NAME)), " ×");
      }),
    );
  }

  /** @param {string} name */
  take(name) {
    if (name) {
      change({ columns: columnsText([...chosenColumns(current()), name]) });
    }
  }
}

/** @param {string} name */
function unescaped(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // nobody's doing but of who wrote the URL
  }
}
