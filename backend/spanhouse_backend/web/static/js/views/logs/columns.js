/** The columns of the table of records: those that all have, and the attributes and fields of JSON bodies that somebody chose. */

import { h } from "../../dom.js";
import { jsonOf, leaves } from "../../json.js";
import { severity } from "../../levels.js";
import { current, link } from "../../state.js";
import { clock } from "../../time.js";
import { shortText, titleOf } from "../parts/chosen-columns.js";

/** @typedef {import("../../api.js").Row} Row */

/**
 * @param {string[]} chosen
 * @param {() => string} zone
 * @returns {import("../../table.js").Column<Row>[]}
 */
export function columnsOf(chosen, zone) {
  return [
    { key: "time", title: "Time", width: "12.5em", cell: (row) => recordLink(row, zone()) },
    { key: "level", title: "Level", width: "6.5em", cell: (row) => severity(/** @type {any} */ (row)) },
    { key: "service", title: "Service", width: "9em", cell: (row) => shortText(row.service) },
    { key: "logger", title: "Logger", width: "10em", cell: (row) => shortText(row.scope) },
    ...chosen.map((name) => ({
      key: name,
      title: titleOf(name),
      hint: name,
      width: "10em",
      cell: (/** @type {Row} */ row) => shortText(valueOf(row, name)),
    })),
    { key: "message", title: "Message", width: "auto", cell: (row) => h("span", { class: "name" }, shortText(row.body || row.event)) },
  ];
}

/** What a record has in a column, as text; "" for nothing. @param {Row} row @param {string} name */
function valueOf(row, name) {
  const key = name.slice(name.indexOf(".") + 1);
  if (name.startsWith("attr.")) {
    return Object.hasOwn(row.attributes, key) ? String(row.attributes[key]) : "";
  }
  return leaves(jsonOf(row.body)).get(key) ?? "";
}

/** Opens the record. @param {Row} row @param {string} zone */
function recordLink({ id, time_unix_ns }, zone) {
  const { record } = current();
  const when = clock(time_unix_ns, zone, { milliseconds: true });
  return h("a", { href: link({ record: id }), title: when, class: "id", "aria-current": record === id && "true" }, when.slice(5));
}
