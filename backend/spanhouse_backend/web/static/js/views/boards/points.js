/**
 * An answer over time as lines: one for each column, and for each group of rows that labels tell apart. Where an answer
 * has nothing of a step, a line has a gap.
 */

import { cut } from "../../function-link.js";
import { toMs } from "../parts/time-axis.js";
import { inOneUnit, labelOf, valueOf } from "./values.js";

/** How many lines one chart bears. */
const MOST_LINES = 12;
// Of steps that are days, some are an hour longer.
const NEXT_WITHIN = 1.5;

/**
 * @typedef {{name: string, column: string, unit: string, values: (number | null)[]}} Line
 * @typedef {{starts: number[], ends: number[], lines: Line[], left: number}} Points  Steps in milliseconds; `left` lines are left out.
 */

/**
 * @param {import("./values.js").PanelDocument} panel
 * @param {import("../../api.js").Answer} answer
 * @returns {Points}
 */
export function pointsOf(panel, answer) {
  return "starts_unix_ns" in answer ? ofLists(panel, answer) : ofRows(panel, answer);
}

/** Of `trends`: each row has all steps. @param {import("./values.js").PanelDocument} panel @param {import("../../api.js").Answer} answer */
function ofLists({ columns, labels }, { starts_unix_ns: begins, rows, to }) {
  const starts = begins.map(toMs);
  const ends = [...starts.slice(1), Date.parse(to)];
  const all = rows.flatMap((row) => columns.map((column) => ({ name: nameOf(row, column, columns, labels), column: column.name, unit: "", values: valueOf(row, column) })));
  return { starts, ends, ...first(all) };
}

/** A row a step, or a step and group. @param {import("./values.js").PanelDocument} panel @param {import("../../api.js").Answer} answer */
function ofRows({ question, columns, labels }, { rows, to }) {
  const timed = inOneUnit(rows).map((row) => ({ row, start: toMs(Number(row.start_unix_ns)) }));
  const found = [...new Set(timed.map(({ start }) => start))].sort((one, other) => one - other);
  const step = Math.min(...found.slice(1).map((start, index) => start - found[index]), Math.max(1000, Date.parse(to) - (found[0] ?? 0)));
  const starts = found.flatMap((start, index) => (index && start - found[index - 1] > step * NEXT_WITHIN ? [found[index - 1] + step, start] : [start]));
  const place = new Map(starts.map((start, index) => [start, index]));
  /** @type {Map<string, Line>} */
  const lines = new Map();
  /** @type {(number | undefined)[]} */
  const ends = [];
  for (const { row, start } of timed) {
    const index = /** @type {number} */ (place.get(start));
    ends[index] = row.end_unix_ns === undefined ? undefined : toMs(Number(row.end_unix_ns));
    for (const column of columns) {
      const key = JSON.stringify([column.name, row.type, ...labels.map((label) => valueOf(row, label))]);
      const line = lines.get(key) ?? { name: nameOf(row, column, columns, labels), column: column.name, unit: row.unit ?? "", values: Array(starts.length).fill(null) };
      line.values[index] = valueOf(row, column);
      lines.set(key, line);
    }
  }
  // Of severities, those that there are.
  const shown = [...lines.values()].filter(({ values }) => question !== "timeline" || values.some((value) => value));
  return { starts, ends: starts.map((start, index) => ends[index] ?? start + step), ...first(shown) };
}

/** @param {Line[]} all */
function first(all) {
  return { lines: all.slice(0, MOST_LINES), left: Math.max(0, all.length - MOST_LINES) };
}

/**
 * @param {import("../../api.js").Row} row
 * @param {import("./values.js").Column} column
 * @param {import("./values.js").Column[]} columns
 * @param {import("./values.js").Column[]} labels
 */
function nameOf(row, column, columns, labels) {
  const label = labels.length ? cut(labelOf(row, labels)) : "";
  return label && columns.length > 1 ? `${label} ${column.name}` : label || column.name;
}
