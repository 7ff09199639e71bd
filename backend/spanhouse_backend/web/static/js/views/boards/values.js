/** What a panel's columns have in a row, and how it is read: the API says where it stands and what it is. */

import { count, duration, percent, short } from "../../format.js";
import { clock } from "../../time.js";

const NUMBER = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/**
 * @typedef {import("../../api.js").Row} Row
 * @typedef {{name: string, kind: string, path: string[], per: string[] | null}} Column  Of GET /api/v1/boards, as are panels.
 *
 * @typedef {object} PanelDocument
 * @property {string} title
 * @property {string} question
 * @property {"lines" | "bars" | "table" | "number"} show
 * @property {Record<string, string>} parameters
 * @property {string[]} page
 * @property {Column[]} columns
 * @property {Column[]} labels
 * @property {Column | null} time
 * @property {number | null} above
 * @property {number | null} below
 */

/** What the column has there; of `trends` a list, an element a step. @param {Row} row @param {Column} column @returns {any} */
export function valueOf(row, { path, per }) {
  const value = at(row, path);
  if (!per) {
    return value;
  }
  const by = at(row, per);
  return Array.isArray(value) ? value.map((one, index) => quotient(one, by[index])) : quotient(value, by);
}

/** What tells a row from others, in words. @param {Row} row @param {Column[]} labels */
export function labelOf(row, labels) {
  return labels.map((label) => String(valueOf(row, label) || "–")).join(" ");
}

/**
 * Those of the rows that one axis can be of: metrics of one name may be measured in several units.
 * @param {Row[]} rows
 */
export function inOneUnit(rows) {
  return rows.filter((row) => row.unit === rows[0].unit);
}

/** What is said of the others. @param {Row[]} rows */
export function otherUnits(rows) {
  const left = rows.length - inOneUnit(rows).length;
  return left ? [`${count(left)} rows in other units are not drawn`] : [];
}

/**
 * A figure as people read it.
 * @param {Column} column
 * @param {string} unit  The row's, of metrics.
 * @returns {(value: number | null | undefined) => string}
 */
export function writes({ kind }, unit) {
  /** @param {number} value */
  const write = (value) => {
    switch (kind) {
      case "count":
        return count(value);
      case "share":
        return percent(value);
      case "duration":
        return duration(value);
      case "metric":
        return unit === "ns" ? duration(value) : `${NUMBER.format(value)}${unit && unit !== "1" ? `\u00a0${unit}` : ""}`;
      default:
        return NUMBER.format(value);
    }
  };
  return (value) => (value === null || value === undefined ? "–" : write(value));
}

/** The same where there is little room. @param {Column} column @param {string} unit @returns {(value: number) => string} */
export function writesShort(column, unit) {
  return column.kind === "count" ? (value) => (Number.isInteger(value) ? short(value) : NUMBER.format(value)) : writes(column, unit);
}

/** What a table's cell says. @param {Row} row @param {Column} column @param {string} zone */
export function textOf(row, column, zone) {
  const value = valueOf(row, column);
  if (column.kind === "time") {
    return value ? clock(value, zone) : "–";
  }
  return column.kind === "text" ? String(value ?? "") : writes(column, row.unit ?? "")(value);
}

/** @param {Row} row @param {string[]} path */
function at(row, path) {
  return path.reduce((/** @type {any} */ value, name) => value?.[name], row) ?? null;
}

/** @param {number | null} value @param {number | null} by */
function quotient(value, by) {
  return value === null || !by ? null : value / by;
}
