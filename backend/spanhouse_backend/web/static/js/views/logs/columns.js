/**
 * The columns of the table of records: those that all have, and the attributes and fields of JSON bodies that somebody
 * chose. In the URL these are `columns`: "attr.user.id,body.order.id", each escaped, so that any name can be one.
 */

import { h } from "../../dom.js";
import { severity } from "../../levels.js";
import { current, link } from "../../state.js";
import { clock } from "../../time.js";

const SHOWN_CHARACTERS = 300;
const SHOWN_TITLE = 40;

/** @typedef {import("../../api.js").Row} Row */

/** The chosen ones. @param {import("../../state.js").State} state @returns {string[]} */
export function chosenColumns({ columns = "" }) {
  return columns.split(",").filter(Boolean).map(unescaped);
}

/** As the URL has them. @param {string[]} names */
export function columnsText(names) {
  return names.map((name) => encodeURIComponent(name)).join(",");
}

/**
 * @param {string[]} chosen
 * @param {() => string} zone
 * @returns {import("../../table.js").Column<Row>[]}
 */
export function columnsOf(chosen, zone) {
  return [
    { key: "time", title: "Time", width: "12.5em", cell: (row) => recordLink(row, zone()) },
    { key: "level", title: "Level", width: "6.5em", cell: (row) => severity(/** @type {any} */ (row)) },
    { key: "service", title: "Service", width: "9em", cell: (row) => text(row.service) },
    { key: "logger", title: "Logger", width: "10em", cell: (row) => text(row.scope) },
    ...chosen.map((name) => ({
      key: name,
      title: name.replace(/^(attr|body)\./, "").slice(0, SHOWN_TITLE),
      hint: name,
      width: "10em",
      cell: (/** @type {Row} */ row) => text(valueOf(row, name)),
    })),
    { key: "message", title: "Message", width: "auto", cell: (row) => h("span", { class: "name" }, text(row.body || row.event)) },
  ];
}

/** What a record has in a column, as text; "" for nothing. @param {Row} row @param {string} name */
export function valueOf(row, name) {
  const key = name.slice(name.indexOf(".") + 1);
  return name.startsWith("attr.") ? String(row.attributes[key] ?? "") : (leaves(jsonOf(row.body)).get(key) ?? "");
}

/**
 * What a text says as JSON, if it is an object or a list; undefined for others. Numbers that JavaScript's own would round
 * stay as they were written, in browsers that know how.
 * @param {string} body
 * @returns {any}
 */
export function jsonOf(body) {
  if (!/^\s*[[{]/.test(body)) {
    return undefined;
  }
  try {
    return JSON.parse(body, exactNumbers);
  } catch {
    return undefined;
  }
}

/** The leaves of a JSON object, by their paths: "order.items.0.price". @param {any} value @returns {Map<string, string>} */
export function leaves(value) {
  /** @type {Map<string, string>} */
  const found = new Map();
  const walk = (/** @type {any} */ part, /** @type {string} */ path) => {
    if (json.isRawJSON?.(part)) {
      found.set(path, part.rawJSON);
    } else if (part !== null && typeof part === "object") {
      Object.entries(part).forEach(([key, inner]) => walk(inner, path ? `${path}.${key}` : key));
    } else if (path) {
      found.set(path, String(part));
    }
  };
  walk(value, "");
  return found;
}

/** @type {any} newer than what editors know of it */
const json = JSON;

/** @param {string} _key @param {any} value @param {{source?: string}} [context] */
function exactNumbers(_key, value, context) {
  const rounded = typeof value === "number" && context?.source && String(value) !== context.source;
  return rounded && json.rawJSON ? json.rawJSON(context.source) : value;
}

/** Opens the record. @param {Row} row @param {string} zone */
function recordLink({ id, time_unix_ns }, zone) {
  const { record } = current();
  const when = clock(time_unix_ns, zone, { milliseconds: true });
  return h("a", { href: link({ record: id }), title: when, class: "id", "aria-current": record === id && "true" }, when.slice(5));
}

/** @param {string} value */
function text(value) {
  const shown = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
  return h("bdi", { title: shown }, shown);
}

/** @param {string} name */
function unescaped(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // nobody's doing but of who wrote the URL
  }
}
