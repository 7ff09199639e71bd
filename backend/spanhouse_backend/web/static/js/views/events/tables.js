/** The tables of the view of events: streams, events with the chosen fields of theirs, and the parts of a schema. */

import { h } from "../../dom.js";
import { count } from "../../format.js";
import { leaves, textOf } from "../../json.js";
import { current, link } from "../../state.js";
import { clock } from "../../time.js";
import { shortText, titleOf } from "../parts/chosen-columns.js";

const SHOWN_SERVICES = 10;

/** @typedef {import("../../api.js").Row} Row */

/** @param {Row[]} rows  Of `streams`, with exact times. @param {string} zone */
export function streamsTable(rows, zone) {
  return plainTable(
    "Streams",
    ["Stream", "Events", "First", "Last", "Services"],
    rows.map(({ name, count: events, first_unix_ns, last_unix_ns, services }) => [
      h("a", { href: link({ stream: name }), class: "name" }, shortText(name)),
      count(events),
      clock(first_unix_ns, zone, { milliseconds: true }),
      clock(last_unix_ns, zone, { milliseconds: true }),
      shortText(services.slice(0, SHOWN_SERVICES).join(", ") + (services.length > SHOWN_SERVICES ? ", …" : "")),
    ]),
  );
}

/** @param {Row[]} rows  Of `event_schema`. */
export function partsTable(rows) {
  return plainTable(
    "Parts of the events",
    ["Part", "Types", "Values", "Required"],
    rows.map(({ path, types, values, required }) => [h("span", { class: "name" }, shortText(path)), types.join(", "), count(values), required ? "yes" : "no"]),
  );
}

/**
 * The chosen fields, or, when none is, all of the event.
 * @param {string[]} chosen
 * @param {string} zone
 * @returns {import("../../table.js").Column<Row>[]}
 */
export function columnsOf(chosen, zone) {
  return [
    { key: "time", title: "Time", width: "12.5em", cell: (row) => eventLink(row, zone) },
    { key: "service", title: "Service", width: "9em", cell: (row) => shortText(row.service) },
    ...chosen.map((name) => ({
      key: name,
      title: titleOf(name),
      hint: name,
      width: "10em",
      cell: (/** @type {Row} */ { event }) => shortText(valueOf(event, name)),
    })),
    { key: "event", title: "Event", width: "auto", cell: ({ event }) => h("span", { class: "name" }, shortText(textOf(payload(event)))) },
  ];
}

/** What an event has in a column: "attr.KEY" is a key of it, "body.PATH" a leaf. @param {Row} event @param {string} name */
function valueOf(event, name) {
  const key = name.slice(name.indexOf(".") + 1);
  if (name.startsWith("attr.")) {
    return Object.hasOwn(event, key) ? textOf(event[key]) : "";
  }
  return leaves(event).get(key) ?? "";
}

/** Without what reading added. @param {Row} event */
function payload(event) {
  return Object.fromEntries(Object.entries(event).filter(([key]) => key !== "@id" && key !== "@time"));
}

/** Opens the event. @param {Row} row @param {string} zone */
function eventLink({ id, event }, zone) {
  const when = clock(event["@time"], zone, { milliseconds: true });
  return h("a", { href: link({ record: id }), title: when, class: "id", "aria-current": current().record === id && "true" }, when.slice(5));
}

/** @param {string} label @param {string[]} titles @param {import("../../dom.js").Child[][]} rows */
function plainTable(label, titles, rows) {
  return h(
    "div",
    { class: "table", tabindex: 0, role: "region", "aria-label": label },
    h(
      "table",
      { "aria-label": label },
      h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))),
    ),
  );
}
