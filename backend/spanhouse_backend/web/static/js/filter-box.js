/**
 * The field for the filter language (docs/queries.md), which every view shares. Enter asks; what the server refuses is
 * shown under the field, with a mark at the column that it names. Fields, attributes and their values are offered.
 */

import { ask } from "./api.js";
import { fill, h } from "./dom.js";
import { change } from "./state.js";

const FIELDS = ["service", "name", "status", "kind", "duration", "error.type", "event", "scope", "message", "trace_id", "span_id"];
const VALUES = {
  status: ["error", "ok", "unset"],
  kind: ["server", "client", "internal", "producer", "consumer"],
};
const MOST_OFFERED = 10;
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
      placeholder: "Filter: status=error duration>50ms attr.user.tier=gold",
      "aria-label": "Filter",
      "aria-expanded": "false",
      "aria-controls": "offers",
      "aria-describedby": "filter-problem",
      oninput: () => this.suggest(),
      onfocus: () => this.suggest(),
      onblur: () => this.offer([]),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.pressed(event),
    });
    this.list = h("ul", { id: "offers", class: "offers", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.problem = h("div", { id: "filter-problem", class: "problem", role: "alert", hidden: true });
    const clear = h("button", { type: "button", class: "clear", "aria-label": "Clear the filter", onclick: () => this.apply("") }, "×");
    this.element = h("div", { class: "filter", role: "search" }, this.input, clear, this.list, this.problem);
    this.state = /** @type {import("./state.js").State} */ ({});
    /** @type {Offer[]} */
    this.offers = [];
    this.chosen = -1;
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** @param {import("./state.js").State} state */
  update(state) {
    this.state = state;
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
    const caret = this.input.selectionStart ?? 0;
    const written = this.input.value.slice(0, caret);
    const asked = await suggestions(written, this.state).catch(() => []); // nothing is lost but a convenience
    // Somebody may have typed on, or gone away.
    if (document.activeElement === this.input && this.input.value.slice(0, this.input.selectionStart ?? 0) === written) {
      this.offer(asked);
    }
  }

  /** @param {Offer[]} offers */
  offer(offers) {
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

/**
 * What may follow `written`.
 * @param {string} written
 * @param {import("./state.js").State} state
 * @returns {Promise<Offer[]>}
 */
async function suggestions(written, state) {
  const groups = UNFINISHED.exec(written)?.groups;
  if (!groups) {
    return [];
  }
  const { field = "", operator, value = "" } = groups;
  if (operator === undefined) {
    const names = [...FIELDS, ...(await attributes(state)).map(({ name }) => name)];
    return offered(names.filter((name) => name !== field), field, written, (name) => name);
  }
  const values = VALUES[/** @type {keyof typeof VALUES} */ (field)] ?? (await examples(field, state));
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

/** @param {string} field @param {import("./state.js").State} state @returns {Promise<string[]>} */
async function examples(field, state) {
  if (field === "service") {
    return (await ask("services", { limit: 100 })).rows.map(({ service }) => service);
  }
  if (field === "name") {
    const { since, until, service } = state;
    return (await ask("functions", { since, until, service, limit: 1000 })).rows.map(({ name }) => name);
  }
  return (await attributes(state)).find(({ name }) => name === field)?.examples ?? [];
}

/** @type {{of: string, rows: Promise<import("./api.js").Row[]>} | undefined} */
let known;

/** Those of the window, asked once for each. @param {import("./state.js").State} state */
function attributes({ since, until, service }) {
  const of = JSON.stringify([since, until, service]);
  if (known?.of !== of) {
    known = { of, rows: ask("attributes", { since, until, service, limit: 200 }).then(({ rows }) => rows) };
    known.rows.catch(() => {
      known = undefined;
    });
  }
  return known.rows;
}
