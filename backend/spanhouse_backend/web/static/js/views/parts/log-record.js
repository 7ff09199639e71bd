/** One record with all that is stored of it, asked for when somebody opens it. Values are links that filter by them. */

import { ApiError, ask } from "../../api.js";
import { fill, h } from "../../dom.js";
import { attributeName, filterWith } from "../../filter-box.js";
import { jsonOf, leaves } from "../../json.js";
import { severity } from "../../levels.js";
import { change, link } from "../../state.js";
import { loading } from "../../states.js";
import { clock } from "../../time.js";
import { chosenColumns, columnsText } from "./chosen-columns.js";

const SHOWN_CHARACTERS = 100_000;
const SHOWN_LEAVES = 500;
// Both spellings of OpenTelemetry's conventions, the newer first.
const FILE = ["code.file.path", "code.filepath"];
const LINE = ["code.line.number", "code.lineno"];
const FUNCTION = ["code.function.name", "code.function"];
const TRACEBACK = "exception.stacktrace";

/** @typedef {import("../../api.js").Row} Row */
/** @typedef {import("../../state.js").State} State */

export class LogRecord {
  constructor() {
    this.element = h("aside", { class: "details record", "aria-label": "The record", tabindex: -1, hidden: true });
    this.id = "";
    /** The state that it is drawn for. */
    this.drawn = "";
    /** @type {Row | undefined} */
    this.row = undefined;
  }

  /** Shows the record of the URL, or none. @param {State} state @param {AbortSignal} signal */
  async show(state, signal) {
    const id = state.record ?? "";
    const another = id !== this.id;
    this.id = id;
    this.element.hidden = !id;
    if (another) {
      this.drawn = "";
      this.row = undefined;
    }
    if (!id) {
      fill(this.element);
      return;
    }
    const head = h(
      "header",
      {},
      h("h2", {}, "Record"),
      h("button", { type: "button", class: "icon", "aria-label": "Close the record", title: "Close (Escape)", onclick: () => change({ record: "" }) }, "×"),
    );
    if (another) {
      fill(this.element, head, loading());
      // Below the table, on a narrow page.
      if (this.element.getBoundingClientRect().top > innerHeight) {
        this.element.scrollIntoView();
      }
    }
    let { row } = this;
    try {
      // A record does not change: it may only be deleted, which is not worth asking for.
      row ??= (await ask(`logs/${encodeURIComponent(id)}`, {}, { signal, exactTimes: true })).rows[0];
    } catch (error) {
      if (error instanceof ApiError && [400, 404].includes(error.status)) {
        fill(this.element, head, h("p", { class: "error", role: "alert" }, error.message));
        return;
      }
      throw error;
    }
    const wanted = JSON.stringify(state);
    if (this.id === id && wanted !== this.drawn) {
      const focused = this.element.contains(document.activeElement);
      this.row = row;
      this.drawn = wanted;
      fill(this.element, head, parts(row, state));
      if (focused) {
        this.element.focus({ preventScroll: true });
      }
    }
  }
}

/** @param {Row} row @param {State} state */
function parts(row, state) {
  const { attributes } = row;
  const columns = chosenColumns(state);
  const json = jsonOf(row.body);
  const fields = [...leaves(json)].slice(0, SHOWN_LEAVES);
  const traceback = attributes[TRACEBACK];
  const others = Object.entries(attributes).filter(([key]) => key !== TRACEBACK);
  return [
    h(
      "dl",
      { class: "facts" },
      fact("Time", clock(row.time_unix_ns, state.zone, { milliseconds: true }).slice(0, -3) + String(row.time_unix_ns % 1_000_000_000n).padStart(9, "0")),
      fact("Level", severity(/** @type {any} */ (row))),
      fact("Service", h("a", { href: link({ service: row.service }), title: "Only this service" }, h("bdi", {}, row.service || "(no service)"))),
      row.scope && fact("Logger", byValue("logger", row.scope), row.scope_version && ` ${row.scope_version}`),
      row.event && fact("Event", byValue("event", row.event)),
      place(attributes),
      row.trace_id && fact("Trace", h("a", { class: "id", href: link({ view: "trace", trace: row.trace_id, span: row.span_id, filter: "" }) }, row.trace_id)),
      row.span_id && fact("Span", byValue("span_id", row.span_id)),
    ),
    section("Body", h("pre", { class: "body", tabindex: 0, "aria-label": "Body" }, shown(json === undefined ? row.body : JSON.stringify(json, null, 2)) || h("span", { class: "none" }, "empty"))),
    traceback && section("Exception", h("pre", { class: "body", tabindex: 0, "aria-label": "Stack trace" }, shown(traceback))),
    section("Attributes", values(others.map(([key, value]) => ({ name: key, value: String(value), field: attributeName("attr", key), column: `attr.${key}` })), columns)),
    fields.length > 0 && section("Fields of the body", values(fields.map(([path, value]) => ({ name: path, value, field: "", column: `body.${path}` })), columns)),
    section("Resource", values(Object.entries(row.resource).map(([key, value]) => ({ name: key, value: String(value), field: attributeName("resource", key), column: "" })), columns)),
    section("Id", h("code", { class: "url" }, row.id)),
  ];
}

/** Where in the program it was logged. @param {Record<string, string>} attributes */
function place(attributes) {
  const first = (/** @type {string[]} */ names) => names.map((name) => attributes[name]).find((value) => value) ?? "";
  const [file, line, name] = [first(FILE), first(LINE), first(FUNCTION)];
  return (file || name) && fact("Code", h("bdi", { class: "name" }, [file && `${file}${line && `:${line}`}`, name].filter(Boolean).join(" in ")));
}

/** @param {{name: string, value: string, field: string, column: string}[]} found @param {string[]} columns */
function values(found, columns) {
  if (!found.length) {
    return h("p", { class: "hint" }, "none");
  }
  return h(
    "dl",
    { class: "values" },
    found.map(({ name, value, field, column }) => [
      h("dt", {}, h("bdi", {}, name), " ", column && columnLink(column, columns)),
      h("dd", {}, field ? byValue(field, value) : h("bdi", { class: "text" }, shown(value))),
    ]).flat(),
  );
}

/** A value that leads to the records that have it, where a filter can say so. @param {string} field @param {string} value */
function byValue(field, value) {
  const filter = filterWith(field, value);
  const words = h("bdi", { class: "text" }, shown(value) || "(empty)");
  return filter ? h("a", { href: link({ filter }), title: `Filter: ${filter}`.slice(0, 500) }, words) : words;
}

/** @param {string} column @param {string[]} columns */
function columnLink(column, columns) {
  const there = columns.includes(column);
  const names = there ? columns.filter((name) => name !== column) : [...columns, column];
  const label = there ? `Remove the column ${column}` : `Show ${column} as a column`;
  return h("a", { class: "as-column", href: link({ columns: columnsText(names) }), title: label, "aria-label": label }, there ? "− column" : "+ column");
}

/** @param {string} text */
function shown(text) {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** @param {string} title @param {import("../../dom.js").Child} content */
function section(title, content) {
  return h("section", {}, h("h3", {}, title), content);
}

/** @param {string} name @param {...import("../../dom.js").Child} content */
function fact(name, ...content) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, ...content));
}
