/**
 * The field for the filter language (docs/queries.md), which every view shares. Enter asks; what the server refuses is
 * shown under the field, with a mark at the column that it names. Fields, attributes and their values are offered.
 */

import { ask } from "./api.js";
import { fill, h } from "./dom.js";
import { change, current } from "./state.js";

/**
 * What a filter can be about, and what is offered of it.
 * @typedef {object} Vocabulary
 * @property {string} example
 * @property {string[]} fields
 * @property {Record<string, string[]>} values  Of fields that have a few.
 * @property {(state: import("./state.js").State) => Promise<import("./api.js").Row[]>} attributes  `name` and `examples` of each.
 */

/** @type {Vocabulary} */
const SPANS = {
  example: "status=error duration>50ms attr.user.tier=gold",
  fields: ["service", "name", "status", "kind", "duration", "error.type", "event", "scope", "message", "trace_id", "span_id"],
  values: {
    status: ["error", "ok", "unset"],
    kind: ["server", "client", "internal", "producer", "consumer"],
  },
  attributes: async ({ since, until, service }) => (await ask("attributes", { since, until, service, limit: 200 })).rows,
};
/** @type {Vocabulary} */
const RECORDS = {
  example: 'level>=warn logger^=app. body~"time.*out" attr.user.tier=gold',
  fields: ["service", "level", "logger", "body", "event", "severity", "trace_id", "span_id"],
  values: { level: ["trace", "debug", "info", "warn", "error", "fatal"] },
  attributes: recordAttributes,
};
const MOST_OFFERED = 10;
const LOOKED_AT_RECORDS = 200;
const MOST_EXAMPLES = 20;
const LONGEST_FILTER = 4096;
// Of those that are offered.
const LONGEST_VALUE = 1000;
// The unfinished term before the caret: a field, or a field, an operator and the beginning of a value.
const UNFINISHED = /(?:^|[\s(])(?:(?<field>(?:attr|resource)\."[^"]*"?|[\w.\-/]+)(?:(?<operator>!=|\^=|=)(?<value>"[^"]*|[^\s"'(),]*))?)?$/;

/** @typedef {{text: string, from: number}} Offer  `text` takes the place of what is written from `from` to the caret. */

export class FilterBox {
  constructor() {
    this.input = h("input", {
      id: "filter",
      type: "text",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "off",
      "aria-label": "Filter",
      "aria-expanded": "false",
      "aria-controls": "offers",
      "aria-describedby": "filter-problem",
      oninput: () => this.suggest(),
      onfocus: () => {
        examplesAsked.clear();
        this.suggest();
      },
      onblur: () => this.offer([]),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.pressed(event),
    });
    this.list = h("ul", { id: "offers", class: "offers", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.problem = h("div", { id: "filter-problem", class: "problem", role: "alert", hidden: true });
    const clear = h("button", { type: "button", class: "clear", "aria-label": "Clear the filter", onclick: () => this.apply("") }, "×");
    this.element = h("div", { class: "filter", role: "search" }, this.input, clear, this.list, this.problem);
    this.state = /** @type {import("./state.js").State} */ ({});
    this.vocabulary = SPANS;
    /** @type {Offer[]} */
    this.offers = [];
    this.chosen = -1;
    this.turn = 0; // counts what was offered
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /**
   * @param {import("./state.js").State} state
   * @param {boolean} ofRecords  Whether what is filtered is log records, and not spans.
   */
  update(state, ofRecords) {
    this.state = state;
    this.vocabulary = ofRecords ? RECORDS : SPANS;
    this.input.placeholder = `Filter: ${this.vocabulary.example}`;
    this.problem.hidden = true;
    this.input.removeAttribute("aria-invalid");
    if (document.activeElement !== this.input || !this.input.value) {
      this.input.value = state.filter;
    }
  }

  /** Points at the column that the message is about. @param {import("./api.js").ApiError} error */
  showProblem(error) {
    this.input.setAttribute("aria-invalid", "true");
    this.problem.hidden = false;
    const mark = error.column && `${this.state.filter}\n${" ".repeat(error.column - 1)}^`;
    fill(this.problem, mark && h("pre", {}, mark), h("p", {}, error.message));
  }

  /** @param {string} filter */
  apply(filter) {
    this.input.value = filter;
    this.offer([]);
    change({ filter: filter.trim() });
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.offers.length) {
      event.preventDefault();
      const from = this.chosen < 0 && step < 0 ? 0 : this.chosen;
      this.choose((from + step + this.offers.length) % this.offers.length);
    } else if (event.key === "Enter" || (event.key === "Tab" && this.chosen >= 0)) {
      event.preventDefault();
      if (this.chosen >= 0) {
        this.accept(this.offers[this.chosen]);
      } else {
        this.apply(this.input.value);
      }
    } else if (event.key === "Escape") {
      if (this.offers.length) {
        this.offer([]);
      } else {
        this.input.value = this.state.filter;
        this.input.blur();
      }
    }
  }

  async suggest() {
    // What was offered is for a text that is no more: taken now, it would come out wrong.
    this.offer([]);
    const { turn } = this;
    const caret = this.input.selectionStart ?? 0;
    const written = this.input.value.slice(0, caret);
    const asked = await suggestions(written, this.state, this.vocabulary).catch(() => []); // nothing is lost but a convenience
    // Somebody may have typed on, asked, or gone away.
    if (turn === this.turn && document.activeElement === this.input && this.input.value.slice(0, this.input.selectionStart ?? 0) === written) {
      this.offer(asked);
    }
  }

  /** @param {Offer[]} offers */
  offer(offers) {
    this.turn += 1;
    this.offers = offers;
    this.list.hidden = offers.length === 0;
    this.input.setAttribute("aria-expanded", String(offers.length > 0));
    fill(
      this.list,
      offers.map((offer, index) => {
        const take = (/** @type {Event} */ event) => {
          event.preventDefault(); // the field keeps the focus
          this.accept(offer);
        };
        return h("li", { id: `offer-${index}`, role: "option", onmousedown: take }, offer.text);
      }),
    );
    this.choose(-1);
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    [...this.list.children].forEach((option, number) => {
      option.setAttribute("aria-selected", String(number === index));
    });
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) {
      this.input.setAttribute("aria-activedescendant", `offer-${index}`);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  /** @param {Offer} offer */
  accept({ text, from }) {
    const caret = this.input.selectionStart ?? 0;
    this.input.value = this.input.value.slice(0, from) + text + this.input.value.slice(caret);
    this.input.setSelectionRange(from + text.length, from + text.length);
    this.suggest();
  }
}

/**
 * A value as a filter has it, in quotes where it needs them.
 * @param {string} value
 */
export function quoted(value) {
  return /^[^\s"'(),=<>!~^\\][^\s"'(),\\]*$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** The name of an attribute as a filter has it. @param {"attr" | "resource"} prefix @param {string} key */
export function attributeName(prefix, key) {
  return `${prefix}.${/^[\w.\-/]+$/.test(key) ? key : `"${key.replace(/[\\"]/g, "\\$&")}"`}`;
}

/** The filter of the page, and this term; "" where that is more than a filter can hold. @param {string} field @param {string} value */
export function filterWith(field, value) {
  const { filter } = current();
  const term = `${field}=${quoted(value)}`;
  const both = filter ? `(${filter}) ${term}` : term;
  return both.length <= LONGEST_FILTER ? both : "";
}

/**
 * What may follow `written`.
 * @param {string} written
 * @param {import("./state.js").State} state
 * @param {Vocabulary} vocabulary
 * @returns {Promise<Offer[]>}
 */
async function suggestions(written, state, vocabulary) {
  const groups = UNFINISHED.exec(written)?.groups;
  if (!groups) {
    return [];
  }
  const { field = "", operator, value = "" } = groups;
  if (operator === undefined) {
    const names = [...new Set([...vocabulary.fields, ...(await attributes(state, vocabulary)).map(({ name }) => name)])];
    return offered(names.filter((name) => name !== field), field, written, (name) => name);
  }
  const values = vocabulary.values[field] ?? (await examples(field, state, vocabulary));
  const begun = value.replace(/^"/, "");
  // A field of one line cannot hold the others.
  const lines = values.filter((text) => !/[\r\n]/.test(text));
  return offered(lines, begun, written.slice(0, written.length - value.length) + begun, (text) => `${quoted(text)} `).map(
    (offer) => ({ ...offer, from: written.length - value.length }),
  );
}

/**
 * @param {string[]} texts
 * @param {string} begun
 * @param {string} written
 * @param {(text: string) => string} form
 * @returns {Offer[]}
 */
function offered(texts, begun, written, form) {
  const wanted = begun.toLowerCase();
  const first = texts.filter((text) => text.toLowerCase().startsWith(wanted));
  const then = texts.filter((text) => text.toLowerCase().includes(wanted) && !first.includes(text));
  const from = written.length - begun.length;
  return [...first, ...then].slice(0, MOST_OFFERED).map((text) => ({ text: form(text), from }));
}

/** @param {string} field @param {import("./state.js").State} state @param {Vocabulary} vocabulary @returns {Promise<string[]>} */
async function examples(field, state, vocabulary) {
  if (field === "service") {
    return (await askOnce("services", { limit: 100 })).map(({ service }) => service);
  }
  if (field === "name" && vocabulary === SPANS) {
    const { since, until, service } = state;
    return (await askOnce("functions", { since, until, service, limit: 1000 })).map(({ name }) => name);
  }
  return (await attributes(state, vocabulary)).find(({ name }) => name === field)?.examples ?? [];
}

/**
 * Answers since the field got the focus: typing on asks for nothing again, and what is offered then is there at once.
 * @type {Map<string, Promise<import("./api.js").Row[]>>}
 */
const examplesAsked = new Map();

/** @param {string} question @param {Record<string, string | number>} parameters */
function askOnce(question, parameters) {
  const of = JSON.stringify([question, parameters]);
  const asked = examplesAsked.get(of) ?? ask(question, parameters).then(({ rows }) => rows);
  examplesAsked.set(of, asked);
  asked.catch(() => examplesAsked.delete(of));
  return asked;
}

/** @type {{of: string, rows: Promise<import("./api.js").Row[]>} | undefined} */
let known;

/** Those of the window, asked once for each. @param {import("./state.js").State} state @param {Vocabulary} vocabulary */
function attributes(state, vocabulary) {
  const of = JSON.stringify([vocabulary.example, state.since, state.until, state.service]);
  if (known?.of !== of) {
    known = { of, rows: vocabulary.attributes(state) };
    known.rows.catch(() => {
      known = undefined;
    });
  }
  return known.rows;
}

/** What the latest records of the window have: loggers, events and attributes. @param {import("./state.js").State} state */
async function recordAttributes({ since, until, service }) {
  /** @type {Map<string, Set<string>>} */
  const found = new Map();
  const add = (/** @type {string} */ name, /** @type {string} */ value) => {
    const values = found.get(name) ?? new Set();
    found.set(name, values);
    if (value && value.length <= LONGEST_VALUE && values.size < MOST_EXAMPLES) {
      values.add(value);
    }
  };
  for (const row of (await ask("logs", { since, until, service, limit: LOOKED_AT_RECORDS })).rows) {
    Object.entries(row.attributes).forEach(([key, value]) => add(attributeName("attr", key), String(value)));
    // Fields of records that are offered anyway: only what they hold is found here.
    add("logger", row.scope);
    add("event", row.event);
    add("severity", row.severity);
  }
  return [...found].map(([name, values]) => ({ name, examples: [...values] }));
}
