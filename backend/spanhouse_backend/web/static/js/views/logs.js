/**
 * Log records: how many there were over time and how severe, and each of them below, the newest first, page by page; a
 * record opens beside the table with all that is stored of it.
 *
 * In the URL: `level` (the least), `text`, `logger` (what its name begins with), `order` ("oldest"), `step`, `page` (where
 * it begins, as the API's `next`), `columns` (see ./parts/chosen-columns.js), `record` (which is open), `whole` (the window before
 * somebody dragged on the timeline, "since|until").
 */

import { ApiError, ask, scope } from "../api.js";
import { fill, h } from "../dom.js";
import { download, exportButtons } from "../download.js";
import { quoted } from "../filter-box.js";
import { count } from "../format.js";
import { bind } from "../keyboard.js";
import { LEVELS } from "../levels.js";
import { change, current, link } from "../state.js";
import { nothing } from "../states.js";
import { Table } from "../table.js";
import { clock, windowInWords, zoneName } from "../time.js";
import { columnsOf } from "./logs/columns.js";
import { Timeline } from "./logs/timeline.js";
import { chosenColumns, ColumnChoice } from "./parts/chosen-columns.js";
import { LogRecord } from "./parts/log-record.js";
import { Pages } from "./parts/pages.js";
import { choice, stepChoice } from "./parts/steps.js";

const PAGE = 200;
// Windows that have few of the API's own steps, which are minutes at least: [up to so many seconds, step].
const SHORT_WINDOWS = /** @type {[number, string][]} */ ([
  [150, "1s"],
  [1500, "10s"],
]);

/** @typedef {import("../state.js").State} State */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new Logs(root);
}

class Logs {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.timeline = new Timeline();
    this.record = new LogRecord();
    this.level = choice("level", "Level", [["", "any"], ...LEVELS.map((level) => /** @type {[string, string]} */ ([level, `${level} and above`]))]);
    this.order = choice("order", "Order", [
      ["", "newest first"],
      ["oldest", "oldest first"],
    ]);
    this.step = stepChoice();
    this.text = search("text", "Text of the message");
    this.logger = search("logger", "Logger begins with");
    this.columns = new ColumnChoice();
    this.shown = h("span", { class: "shown", role: "status" });
    this.zoom = h("a", { class: "button" });
    this.pages = new Pages();
    this.place = h("div", { class: "drawing" });
    this.found = h(
      "div",
      { class: "content" },
      this.timeline.element,
      h("div", { class: "toolbar" }, this.shown, this.columns.element, exportButtons((format) => this.save(format))),
      h("div", { class: "beside" }, this.place, this.record.element),
      this.pages.element,
    );
    this.results = h("div", { class: "content" });
    fill(
      root,
      h("div", { class: "toolbar" }, this.level.element, this.text, this.logger, this.order.element, this.step.element, this.zoom),
      this.results,
    );
    /** @type {Table<import("../api.js").Row> | undefined} */
    this.table = undefined;
    this.zone = "";
    /** What the table has. @type {{answer: import("../api.js").Answer, columns: string, records: number} | undefined} */
    this.drawn = undefined;
    /** What picks the records: as it was last asked, and as it was last answered. */
    this.question = "";
    this.answered = "";
    this.page = "";
    this.state = current();
    this.opening = new AbortController();
    this.unbind = [
      bind("f", "Find log records by their text", () => this.text.focus()),
      bind("Escape", "Close the record; then take back what was dragged", () => this.escape()),
    ];
  }

  /** @param {State} state @param {AbortSignal} signal @returns {Promise<import("../views.js").Shown | void>} */
  async update(state, signal) {
    this.state = state;
    this.showChoices(state);
    const asked = questionOf(state);
    const question = JSON.stringify(asked);
    const page = state.page ?? "";
    if (page && page === this.page && this.question !== question) {
      // It is a page of another question.
      change({ page: "" }, { replace: true });
      return;
    }
    [this.question, this.page] = [question, page];
    const [timeline, answer] = await answers(state, asked, signal);
    if (!timeline.records && !answer.rows.length) {
      this.drawn = undefined;
      if (await nothing(this.results, state, signal, RECORDS)) {
        return this.update(state, signal);
      }
      return timeline;
    }
    if (!this.found.isConnected) {
      fill(this.results, this.found);
    }
    this.answered = question;
    this.showTable(this.state, answer, timeline.records);
    await this.record.show(this.state, signal);
    await this.timeline.show(timeline, state.zone);
    return timeline;
  }

  /** Another record, or other columns, are no reason to ask for all of them again. @param {State} state */
  redraw(state) {
    const asked = JSON.stringify(questionOf(state));
    const same = asked === this.question && asked === this.answered && (state.page ?? "") === this.page;
    if (!this.drawn || !this.found.isConnected || !same) {
      return false;
    }
    this.state = state;
    this.showChoices(state);
    this.showTable(state, this.drawn.answer, this.drawn.records);
    this.opening.abort();
    this.opening = new AbortController();
    const { signal } = this.opening;
    this.record.show(state, signal).catch(() => {
      if (!signal.aborted) {
        // The page shows what is wrong when it asks for all.
        this.answered = "";
        dispatchEvent(new PopStateEvent("popstate"));
      }
    });
    return true;
  }

  close() {
    this.opening.abort();
    this.timeline.close();
    this.unbind.forEach((unbind) => unbind());
  }

  /** @param {State} state */
  showChoices(state) {
    this.level.show(state);
    this.order.show(state);
    this.step.show(state);
    for (const input of [this.text, this.logger]) {
      const value = state[input.name] ?? "";
      // What somebody is writing stays, unless the page went elsewhere.
      if (input.dataset.known !== value) {
        input.dataset.known = value;
        input.value = value;
      }
    }
    const whole = wholeAgain(state);
    this.zoom.hidden = !state.whole;
    this.zoom.textContent = `Back to: ${windowInWords({ ...state, ...whole })}`;
    this.zoom.setAttribute("href", link(whole));
  }

  /**
   * @param {State} state
   * @param {import("../api.js").Answer} answer
   * @param {number} records  How many there are on all pages.
   */
  showTable(state, answer, records) {
    const columns = state.columns ?? "";
    const chosen = chosenColumns(state);
    this.zone = state.zone;
    if (!this.table || this.drawn?.columns !== columns) {
      this.table = new Table({
        label: "Log records",
        columns: columnsOf(chosen, () => this.zone),
        keyOf: (row) => row.key,
        onSort: () => {},
      });
      fill(this.place, this.table.element);
    }
    this.drawn = { answer, columns, records };
    // Records that are the same in everything share an id.
    this.table.show(answer.rows.map((row, index) => ({ ...row, key: `${row.id}${index}` })), { key: "", descending: true });
    const some = answer.rows.length < records;
    this.shown.textContent = some ? `${count(answer.rows.length)} of ${count(records)} records` : `${count(records)} ${records === 1 ? "record" : "records"}`;
    this.pages.show(state, answer.next, state.order === "oldest");
    this.columns.show(state, answer.rows.flatMap(({ attributes }) => Object.keys(attributes).map((key) => `attr.${key}`)));
  }

  /** @param {"json" | "csv"} format */
  save(format) {
    if (this.drawn) {
      const { to, rows } = this.drawn.answer;
      download(`logs ${clock(to, "UTC").replaceAll(":", "")}`, format, rows);
    }
  }

  /** Closes the record, and then takes back what was dragged on the timeline. */
  escape() {
    const state = current();
    if (document.querySelector(":popover-open")) {
      return;
    }
    if (state.record) {
      change({ record: "" });
      /** @type {HTMLElement | null | undefined} */ (this.table?.element.querySelector('a[tabindex="0"]'))?.focus();
    } else if (state.whole) {
      change(wholeAgain(state));
    }
  }
}

/** @type {import("../states.js").Kind} */
const RECORDS = {
  some: async (signal) => (await ask("logs", { limit: 1 }, { signal })).rows.length > 0,
  first: firstRecord,
  heading: "No log records here",
  happened: "nothing was logged",
  narrowing: ["filter", "service", "level", "text", "logger"],
};

/** A field whose text is asked for when it is written: Enter, or another field. @param {string} name @param {string} label */
function search(name, label) {
  const take = () => change({ [name]: input.value.trim() });
  const input = h("input", { type: "search", name, placeholder: label, "aria-label": label, autocomplete: "off", spellcheck: "false", onchange: take, onsearch: take });
  return input;
}

/** @param {State} state @returns {Record<string, string>} */
function wholeAgain({ whole = "" }) {
  const [since = "", until = ""] = whole.split("|");
  return { since, until, whole: "" };
}

/** What picks the records. @param {State} state */
function questionOf(state) {
  const { level = "", text = "", logger = "", order = "", step = "" } = state;
  const filter = logger ? `${state.filter && `(${state.filter}) `}logger^=${quoted(logger)}` : state.filter;
  return { ...scope(state), filter, level, text, order, step, timezone: zoneName(state.zone) };
}

/**
 * @param {State} state
 * @param {ReturnType<typeof questionOf>} asked
 * @param {AbortSignal} signal
 */
async function answers(state, { order, step, timezone, ...picked }, signal) {
  try {
    return await Promise.all([
      ask("timeline", { ...picked, timezone, step: step || stepOf(state) }, { signal }),
      ask("logs", { ...picked, order, limit: PAGE, cursor: state.page }, { signal, exactTimes: true }),
    ]);
  } catch (error) {
    if (error instanceof ApiError && error.parameter === "filter" && state.filter !== picked.filter) {
      // Its columns are those of a filter that nobody wrote: asked alone, it says where it is wrong itself.
      await ask("logs", { ...picked, filter: state.filter, limit: 1 }, { signal });
    }
    throw error;
  }
}

/** A step for a window that is short; "" leaves it to the API. @param {State} state */
function stepOf({ since, until }) {
  const [, number, unit] = /^(?:now-)?(\d+)([sm])$/.exec(since) ?? [];
  const age = until ? NaN : Number(number) * (unit === "m" ? 60 : 1);
  const seconds = Number.isNaN(age) ? (Date.parse(until) - Date.parse(since)) / 1000 : age;
  return SHORT_WINDOWS.find(([most]) => seconds <= most)?.[1] ?? "";
}

function firstRecord() {
  const address = `${location.protocol}//${location.hostname}:${document.documentElement.dataset.grpcPort}`;
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, "Waiting for a first log record"),
    h("p", {}, "Send what a Python program logs, with one line:"),
    h(
      "pre",
      { class: "code", tabindex: 0, "aria-label": "Python" },
      "import logging\nimport spanhouse\n\n",
      h("mark", {}, `logging.basicConfig(level=logging.INFO, handlers=[spanhouse.LogHandler(endpoint="${address}")])\n`),
      '\nlogging.info("hello")\n',
    ),
    h("p", {}, "or point any OpenTelemetry service here: its logs come with its spans."),
    h("p", { class: "loading" }, "This page goes on by itself when one arrives."),
  );
}
