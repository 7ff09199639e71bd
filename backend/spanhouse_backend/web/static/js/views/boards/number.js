/** One figure, large; whether it is within its limits is said in words, and not by its colour alone. */

import { h } from "../../dom.js";
import { cut } from "../../function-link.js";
import { labelOf, valueOf, writes } from "./values.js";

/**
 * @param {import("./values.js").PanelDocument} panel
 * @param {import("../../api.js").Answer} answer
 * @returns {Node | null} null when there is none
 */
export function numberOf({ columns: [column], labels, above, below }, { rows: [row] }) {
  const value = row && valueOf(row, column);
  if (value === undefined || value === null) {
    return null;
  }
  const write = writes(column, row.unit ?? "");
  const tooHigh = above !== null && value > above;
  const tooLow = below !== null && value < below;
  const limits = [
    above !== null && `${tooHigh ? "above" : "not above"} ${write(above)}`,
    below !== null && `${tooLow ? "below" : "not below"} ${write(below)}`,
  ].filter(Boolean);
  return h(
    "div",
    { class: "board-number" },
    h("p", { class: `value ${tooHigh || tooLow ? "bad" : ""}` }, write(value)),
    h("p", { class: "about" }, [column.name.replaceAll("_", " "), ...limits].join(", ")),
    labels.length > 0 && h("p", { class: "about" }, h("bdi", {}, cut(labelOf(row, labels)))),
  );
}
