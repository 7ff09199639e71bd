/** Tables of a panel: the numbers behind a chart, made when somebody opens them, and short lists with links. */

import { fill, h } from "../../dom.js";

/** The numbers of a chart, for those who would rather read them. @param {string} label */
export function asTable(label) {
  const place = h("div", { class: "table", tabindex: 0, role: "region", "aria-label": label });
  /** @type {{headings: string[], rows: () => string[][]}} */
  let shown = { headings: [], rows: () => [] };
  const draw = () => element.open && fill(place, numbers(label, shown.headings, shown.rows()));
  const element = h("details", { class: "as-table", ontoggle: draw }, h("summary", {}, "As a table"), place);
  return {
    element,
    /** @param {string[]} headings @param {() => string[][]} rows */
    show(headings, rows) {
      shown = { headings, rows };
      draw();
    },
  };
}

/** @param {string} label @param {string[]} headings @param {string[][]} rows */
function numbers(label, headings, rows) {
  return h(
    "table",
    { "aria-label": label },
    h("thead", {}, h("tr", {}, headings.map((heading) => h("th", { scope: "col", class: "number" }, heading)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: "number" }, cell))))),
  );
}

/**
 * A share as a bar with its number, for tables.
 * @param {number} share  0 to 1; what is more fills it, too.
 * @param {string} text
 */
export function bar(share, text) {
  return h("span", { class: "share", style: { "--share": `${Math.max(0, Math.min(1, share)) * 100}%` } }, text);
}
