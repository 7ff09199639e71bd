/** Rows as a file, JSON or CSV, made from what is shown. */

import { h } from "./dom.js";

/**
 * @param {string} name  Without its ending.
 * @param {"json" | "csv"} format
 * @param {Record<string, any>[]} rows
 */
export function download(name, format, rows) {
  const [text, type] = format === "csv" ? [csv(rows), "text/csv"] : [JSON.stringify(rows, plain, 2), "application/json"];
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: `${name}.${format}` }).click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Buttons for both. @param {(format: "json" | "csv") => void} save */
export function exportButtons(save) {
  return h(
    "span",
    { class: "export" },
    /** @type {const} */ (["json", "csv"]).map((format) =>
      h("button", { type: "button", title: `These rows as ${format.toUpperCase()}`, onclick: () => save(format) }, format.toUpperCase()),
    ),
  );
}

/**
 * RFC 4180, under a header of the first row's names; nested values are JSON texts, null is empty.
 * @param {Record<string, any>[]} rows
 */
export function csv(rows) {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return lines.map((line) => `${line.map(field).join(",")}\r\n`).join("");
}

/** @param {any} value */
function field(value) {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value, plain) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {string} _key @param {any} value */
function plain(_key, value) {
  return typeof value === "bigint" ? value.toString() : value;
}
