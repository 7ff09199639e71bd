/**
 * Events: the streams there are; of one stream, its events as they were put, with fields of theirs as columns, or what they
 * look like. An event opens beside the table, as the log record that it is.
 *
 * In the URL: `stream`, `show` ("schema"), `order` ("oldest"), `page`, `columns` (see ./parts/chosen-columns.js), `record`.
 */

import { ask, scope } from "../api.js";
import { fill, h } from "../dom.js";
import { download, exportButtons } from "../download.js";
import { count } from "../format.js";
import { bind } from "../keyboard.js";
import { change, current, link } from "../state.js";
import { nothing } from "../states.js";
import { Table } from "../table.js";
import { clock } from "../time.js";
import { columnsOf, partsTable, streamsTable } from "./events/tables.js";
import { chosenColumns, ColumnChoice } from "./parts/chosen-columns.js";
import { LogRecord } from "./parts/log-record.js";
import { Pages } from "./parts/pages.js";
import { choice } from "./parts/steps.js";

const PAGE = 200;
const MOST_STREAMS = 1000;
const INFERRED_FROM = 1000;

/** @typedef {import("../state.js").State} State */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new Events(root);
}

class Events {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.record = new LogRecord();
    this.columns = new ColumnChoice();
    this.pages = new Pages();
    this.order = choice("order", "Order", [
      ["", "newest first"],
      ["oldest", "oldest first"],
    ]);
    this.title = h("h1", {});
    this.shown = h("span", { class: "shown", role: "status" });
    this.place = h("div", { class: "drawing" });
    this.exports = exportButtons((format) => this.save(format));
    this.modes = h("span", { class: "modes", role: "group", "aria-label": "Shown as" });
    this.results = h("div", { class: "content" });
    this.found = h("div", { class: "content" }, h("div", { class: "beside" }, this.place, this.record.element), this.pages.element);
    this.stream = h(
      "div",
      { class: "content" },
      h("p", {}, h("a", { href: "?view=events" }, "All streams")),
      this.title,
      h("div", { class: "toolbar" }, this.modes, this.order.element, this.shown, this.columns.element, this.exports),
      this.results,
    );
    this.back = /** @type {HTMLAnchorElement} */ (this.stream.querySelector("a"));
    /** What is shown, to be saved. @type {import("../api.js").Answer | undefined} */
    this.answer = undefined;
    /** What a page is one of: a page of another question is none of this. */
    this.question = "";
    this.page = "";
    this.close = bind("Escape", "Close the event", () => !document.querySelector(":popover-open") && current().record && change({ record: "" }));
  }

  /** @param {State} state @param {AbortSignal} signal @returns {Promise<import("../views.js").Shown | void>} */
  async update(state, signal) {
    if (!state.stream) {
      return this.showStreams(state, signal);
    }
    const schema = state.show === "schema";
    const asked = { ...scope(state), stream: state.stream, order: state.order || "newest" };
    const question = JSON.stringify(asked);
    const page = state.page ?? "";
    if (page && page === this.page && this.question !== question) {
      // It is a page of another question.
      change({ page: "" }, { replace: true });
      return undefined;
    }
    [this.question, this.page] = [question, page];
    const answer = schema
      ? await ask("event_schema", { ...scope(state), stream: state.stream, events: INFERRED_FROM }, { signal })
      : await ask("events", { ...asked, limit: PAGE, cursor: page }, { signal, asWritten: true });
    this.answer = answer;
    this.showHead(state, schema);
    if (!this.stream.isConnected) {
      fill(this.root, this.stream);
    }
    if (!answer.rows.length) {
      this.shown.textContent = "";
      return (await nothing(this.results, state, signal, EVENTS)) ? this.update(state, signal) : answer;
    }
    if (schema) {
      this.shown.textContent = `of the newest ${count(answer.events)} events`;
      fill(this.results, partsTable(answer.rows), h("pre", { class: "code", tabindex: 0, "aria-label": "JSON Schema" }, JSON.stringify(answer.json_schema, null, 2)));
      return answer;
    }
    fill(this.results, this.found);
    this.showEvents(state, answer);
    await this.record.show(state, signal);
    return answer;
  }

  /** @param {State} state @param {AbortSignal} signal */
  async showStreams(state, signal) {
    const answer = await ask("streams", { ...scope(state), limit: MOST_STREAMS }, { signal, exactTimes: true });
    if (!answer.rows.length) {
      return (await nothing(this.root, state, signal, EVENTS)) ? this.update(state, signal) : answer;
    }
    const number = answer.rows.length;
    fill(
      this.root,
      h("p", { class: "shown", role: "status" }, `${count(number)} ${number === 1 ? "stream" : "streams"}${number === MOST_STREAMS ? ", those with the most events" : ""}`),
      streamsTable(answer.rows, state.zone),
    );
    return answer;
  }

  /** @param {State} state @param {boolean} schema */
  showHead(state, schema) {
    fill(this.title, h("bdi", {}, (state.stream ?? "").slice(0, 300)));
    this.back.setAttribute("href", link({ stream: "", show: "", page: "", columns: "", record: "" }));
    fill(
      this.modes,
      [
        ["", "Events"],
        ["schema", "Schema"],
      ].map(([show, name]) => h("a", { class: "button", href: link({ show }), "aria-current": (state.show ?? "") === show && "true" }, name)),
    );
    this.order.show(state);
    for (const element of [this.order.element, this.columns.element, this.exports]) {
      element.hidden = schema;
    }
  }

  /** @param {State} state @param {import("../api.js").Answer} answer */
  showEvents(state, answer) {
    const table = new Table({
      label: "Events",
      columns: columnsOf(chosenColumns(state), state.zone),
      keyOf: (row) => row.key,
      onSort: () => {},
    });
    const scrolled = this.place.firstElementChild?.scrollTop ?? 0;
    fill(this.place, table.element);
    // Events that are the same in everything share an id.
    table.show(answer.rows.map((row, index) => ({ ...row, key: `${row.id}${index}` })), { key: "", descending: true });
    table.element.scrollTop = scrolled;
    this.shown.textContent = `${count(answer.rows.length)} ${answer.rows.length === 1 ? "event" : "events"}${answer.next ? ", and more" : ""}`;
    this.columns.show(
      state,
      answer.rows.flatMap(({ event }) => Object.keys(event).filter((key) => !key.startsWith("@")).map((key) => `attr.${key}`)),
    );
    this.pages.show(state, answer.next, state.order === "oldest");
  }

  /** @param {"json" | "csv"} format */
  save(format) {
    if (this.answer) {
      // As they can be put again.
      const rows = this.answer.rows.map(({ event }) => event);
      const names = [...new Set(rows.flatMap((event) => Object.keys(event)))];
      const whole = rows.map((event) => Object.fromEntries(names.map((name) => [name, event[name]])));
      download(`events ${clock(this.answer.to, "UTC").replaceAll(":", "")}`, format, format === "csv" ? whole : rows);
    }
  }
}

/** @type {import("../states.js").Kind} */
const EVENTS = {
  some: async (signal) => (await ask("streams", { limit: 1 }, { signal })).rows.length > 0,
  first: firstEvent,
  heading: "No events here",
  happened: "nothing happened",
  narrowing: ["filter", "service"],
};

function firstEvent() {
  const body = '{"shop.clicks": [{"user": 42, "page": "tea"}]}';
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, "Waiting for a first event"),
    h("p", {}, "An event is something that happened, an object of JSON in a stream. Put one:"),
    h(
      "pre",
      { class: "code", tabindex: 0, "aria-label": "Shell" },
      h("mark", {}, `curl '${location.origin}/api/v1/events?service=shop' -H 'Content-Type: application/json' -d '${body}'\n`),
    ),
    h("p", {}, "OpenTelemetry's events, which are log records with a name, are shown here, too."),
    h("p", { class: "loading" }, "This page goes on by itself when one arrives."),
  );
}
