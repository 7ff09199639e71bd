/**
 * A table that is sortable, walked by the arrow keys, and as fast with ten thousand rows as with ten: only those that
 * can be seen, and some around them, are in the document.
 *
 * Rows have one height, which the style sheet says (--row-height). The table scrolls in a box of its own, so that a
 * narrow page never scrolls sideways as a whole.
 */

import { h } from "./dom.js";

const AROUND = 12;
const SETTLED_AFTER_MS = 120;

/**
 * @template T
 * @typedef {object} Column
 * @property {string} key  What `sort` calls it.
 * @property {string} title
 * @property {string} [hint]  What the title leaves out.
 * @property {string} width  As CSS has it.
 * @property {boolean} [numeric]  Aligned to the right, and sorted downwards first.
 * @property {(row: T) => number | string} [value]  What it is sorted by; without it, it is not.
 * @property {(row: T) => import("./dom.js").Child} cell
 */

/** @typedef {{key: string, descending: boolean}} Sort */

/** @template T */
export class Table {
  /**
   * @param {object} options
   * @param {string} options.label  What the table is of.
   * @param {Column<T>[]} options.columns
   * @param {(row: T) => string} options.keyOf  Tells rows apart, and finds one again when there are new numbers.
   * @param {(sort: Sort) => void} options.onSort  Somebody asks for another order: `show` it.
   * @param {(rows: T[]) => void} [options.onSeen]  Told of the rows in the document when they have stayed a moment.
   */
  constructor({ label, columns, keyOf, onSort, onSeen = () => {} }) {
    this.columns = columns;
    this.keyOf = keyOf;
    this.onSort = onSort;
    this.onSeen = onSeen;
    /** @type {T[]} */
    this.rows = [];
    /** @type {Map<string, HTMLTableRowElement>} */
    this.inDocument = new Map();
    /** The key of the row that the keyboard is on. */
    this.active = "";
    /** @type {number | undefined} */
    this.frame = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.settling = undefined;

    this.headings = columns.map((column) => this.heading(column));
    this.above = h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", { colspan: columns.length }));
    this.below = h("tr", { class: "spacer", "aria-hidden": "true" }, h("td", { colspan: columns.length }));
    this.body = h("tbody", { onkeydown: (/** @type {KeyboardEvent} */ event) => this.walk(event) }, this.above, this.below);
    this.table = h(
      "table",
      { "aria-label": label },
      h("colgroup", {}, columns.map(({ width }) => h("col", { style: { width } }))),
      h("thead", {}, h("tr", { "aria-rowindex": 1 }, this.headings)),
      this.body,
    );
    this.element = h("div", { class: "table", tabindex: 0, role: "region", "aria-label": label }, this.table);
    this.element.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(this.element);
  }

  /**
   * Shows these rows in this order. Whoever is on a row stays on it.
   * @param {T[]} rows
   * @param {Sort} sort
   */
  show(rows, sort) {
    this.rows = sorted(rows, this.columns, sort);
    this.columns.forEach(({ key }, index) => {
      const direction = sort.descending ? "descending" : "ascending";
      this.headings[index].setAttribute("aria-sort", key === sort.key ? direction : "none");
    });
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    const focused = this.body.contains(document.activeElement) ? this.active : "";
    for (const row of this.inDocument.values()) {
      row.remove();
    }
    this.inDocument.clear();
    this.render();
    if (focused) {
      this.inDocument.get(focused)?.querySelector("a")?.focus({ preventScroll: true });
    }
  }

  /** Draws a row anew whose numbers are as they were, but of which more is known. @param {T} row */
  redraw(row) {
    const key = this.keyOf(row);
    const old = this.inDocument.get(key);
    if (old && !old.contains(document.activeElement)) {
      const fresh = this.line(row, Number(old.getAttribute("aria-rowindex")) - 2);
      old.replaceWith(fresh);
      this.inDocument.set(key, fresh);
    }
  }

  /** @param {Column<T>} column */
  heading({ key, title, hint, numeric, value }) {
    const press = () => {
      const now = this.headings[this.columns.findIndex((column) => column.key === key)].getAttribute("aria-sort");
      const first = numeric ? "descending" : "ascending";
      const next = now === "none" ? first : now === "descending" ? "ascending" : "descending";
      this.onSort({ key, descending: next === "descending" });
    };
    const label = value ? h("button", { type: "button", title: hint, onclick: press }, title) : h("span", { title: hint }, title);
    return h("th", { scope: "col", class: numeric && "number", "aria-sort": value && "none" }, label);
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.render();
    });
  }

  render() {
    const height = this.rowHeight();
    const first = Math.max(0, Math.floor(this.element.scrollTop / height) - AROUND);
    const last = Math.min(this.rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / height) + AROUND);
    const wanted = this.rows.slice(first, last);
    const keys = new Set(wanted.map(this.keyOf));
    for (const [key, row] of this.inDocument) {
      if (!keys.has(key)) {
        row.remove();
        this.inDocument.delete(key);
      }
    }
    /** @type {Element} */
    let before = this.above;
    wanted.forEach((row, index) => {
      const key = this.keyOf(row);
      let line = this.inDocument.get(key);
      if (!line) {
        line = this.line(row, first + index);
        this.inDocument.set(key, line);
      }
      if (before.nextElementSibling !== line) {
        before.after(line);
      }
      before = line;
    });
    this.above.style.height = `${first * height}px`;
    this.below.style.height = `${(this.rows.length - last) * height}px`;
    this.offer();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.onSeen(wanted), SETTLED_AFTER_MS);
  }

  /** One row can be reached by Tab, from which the arrow keys lead on. */
  offer() {
    if (!this.inDocument.has(this.active)) {
      this.active = this.inDocument.keys().next().value ?? "";
    }
    for (const [key, row] of this.inDocument) {
      row.querySelector("a")?.setAttribute("tabindex", key === this.active ? "0" : "-1");
    }
  }

  /** @param {T} row @param {number} index */
  line(row, index) {
    const cells = this.columns.map(({ numeric, cell }) => h("td", { class: numeric && "number" }, cell(row)));
    const line = h("tr", { "aria-rowindex": index + 2 }, cells);
    const key = this.keyOf(row);
    line.querySelector("a")?.setAttribute("tabindex", key === this.active ? "0" : "-1");
    line.addEventListener("focusin", () => {
      this.active = key;
    });
    return line;
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight()) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step === undefined) {
      return;
    }
    event.preventDefault();
    const now = this.rows.findIndex((row) => this.keyOf(row) === this.active);
    const next = Math.min(this.rows.length - 1, Math.max(0, now + step));
    this.reveal(next);
    this.active = this.keyOf(this.rows[next]);
    this.render();
    this.inDocument.get(this.active)?.querySelector("a")?.focus({ preventScroll: true });
  }

  /** Scrolls until the row at `index` is between the heading and the lower edge. @param {number} index */
  reveal(index) {
    const height = this.rowHeight();
    const top = index * height;
    const room = this.element.clientHeight - /** @type {HTMLElement} */ (this.table.tHead).offsetHeight;
    if (top < this.element.scrollTop) {
      this.element.scrollTop = top;
    } else if (top + height > this.element.scrollTop + room) {
      this.element.scrollTop = top + height - room;
    }
  }

  rowHeight() {
    return Number.parseFloat(getComputedStyle(this.element).getPropertyValue("--row-height")) || 32;
  }
}

/**
 * A copy in order; equal ones stay as they were.
 * @template T
 * @param {T[]} rows
 * @param {Column<T>[]} columns
 * @param {Sort} sort
 */
function sorted(rows, columns, { key, descending }) {
  const value = columns.find((column) => column.key === key)?.value;
  if (!value) {
    return [...rows];
  }
  const sign = descending ? -1 : 1;
  return rows
    .map((row) => ({ row, by: value(row) }))
    .sort((one, other) => sign * (one.by < other.by ? -1 : one.by > other.by ? 1 : 0))
    .map(({ row }) => row);
}
