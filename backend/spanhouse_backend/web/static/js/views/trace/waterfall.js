/**
 * The waterfall: a row a span, its bar where and as long as it ran, solid where none of its children did. Only the rows
 * in sight are in the document, so that a trace of thousands is as quick as one of ten. It is a tree to the keyboard:
 * up and down walk, left and right fold and unfold, Enter opens the details.
 */

import { fill, h } from "../../dom.js";
import { duration } from "../../format.js";
import { ticks, unfolded } from "./tree.js";

const AROUND = 10;
const TICKS = 5;
const DEEPEST_SHOWN = 24;
const KINDS = 6;

/** @typedef {import("./tree.js").Span} Span */

export class Waterfall {
  /**
   * @param {object} options
   * @param {(span: Span) => void} options.onSelect
   */
  constructor({ onSelect }) {
    this.onSelect = onSelect;
    /** @type {import("./tree.js").Trace | undefined} */
    this.trace = undefined;
    /** @type {Set<string>} */
    this.collapsed = new Set();
    /** @type {Span[]} */
    this.shown = [];
    /** @type {Map<Span, HTMLElement>} */
    this.inDocument = new Map();
    /** @type {Span | undefined} */
    this.active = undefined;
    /** @type {(span: Span) => boolean} */
    this.matches = () => true;
    this.selected = "";
    /** @type {number | undefined} */
    this.frame = undefined;
    this.axis = h("div", { class: "axis", "aria-hidden": "true" });
    this.space = h("div", {
      class: "space",
      role: "tree",
      "aria-label": "Spans in order of start",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.walk(event),
      onclick: (/** @type {MouseEvent} */ event) => this.click(event),
    });
    this.element = h(
      "div",
      { class: "waterfall" },
      h("div", { class: "head" }, h("span", {}, "Span"), h("span", { class: "number" }, "took"), h("span", { class: "number" }, "itself"), this.axis),
      this.space,
    );
    this.element.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(this.element);
  }

  /** @param {import("./tree.js").Trace} trace */
  show(trace) {
    if (trace !== this.trace) {
      this.trace = trace;
      this.collapsed.clear();
      this.active = trace.spans[0];
      this.element.scrollTop = 0;
      fill(
        this.axis,
        // The last one would have no room for its label.
        ticks(0, 0.95 * trace.length, TICKS).map((tick) =>
          h("span", { style: { left: `${(100 * tick) / trace.length}%` } }, tick ? duration(tick) : "0"),
        ),
      );
    }
    this.again();
  }

  /** Dims the spans that do not match. @param {(span: Span) => boolean} matches */
  highlight(matches) {
    this.matches = matches;
    this.again();
  }

  /** @param {string} spanId */
  select(spanId) {
    this.selected = spanId;
    const span = this.trace?.byId.get(spanId);
    if (span) {
      for (let above = span.parent; above; above = above.parent) {
        this.collapsed.delete(above.row.span_id);
      }
      this.active = span;
    }
    this.again();
    if (span) {
      this.reveal(this.shown.indexOf(span));
      this.render();
    }
  }

  /** Draws every row anew. */
  again() {
    if (!this.trace) {
      return;
    }
    this.shown = unfolded(this.trace, this.collapsed);
    this.space.style.height = `${this.shown.length * this.rowHeight()}px`;
    const hadFocus = this.space.contains(document.activeElement);
    this.inDocument.clear();
    fill(this.space);
    this.render();
    if (hadFocus && this.active) {
      this.inDocument.get(this.active)?.focus({ preventScroll: true });
    }
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.render();
    });
  }

  render() {
    const height = this.rowHeight();
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / height) - AROUND);
    const wanted = new Set(this.shown.slice(first, Math.ceil((scrollTop + clientHeight) / height) + AROUND));
    for (const [span, row] of this.inDocument) {
      if (!wanted.has(span)) {
        row.remove();
        this.inDocument.delete(span);
      }
    }
    let at = first;
    /** @type {Element | null} */
    let before = null;
    for (const span of wanted) {
      const row = this.inDocument.get(span) ?? this.row(span, at);
      this.inDocument.set(span, row);
      // In the order of the eye, for those who are read to.
      const next = before ? before.nextElementSibling : this.space.firstElementChild;
      if (next !== row) {
        this.space.insertBefore(row, next);
      }
      before = row;
      at += 1;
    }
    // One row can be reached by Tab; the arrow keys lead on from there.
    const reachable = this.active && this.inDocument.has(this.active) ? this.active : wanted.values().next().value;
    for (const [span, row] of this.inDocument) {
      row.tabIndex = span === reachable ? 0 : -1;
    }
  }

  /** @param {Span} span @param {number} index */
  row(span, index) {
    const { row, depth, children } = span;
    const trace = /** @type {import("./tree.js").Trace} */ (this.trace);
    const folded = this.collapsed.has(row.span_id);
    const failed = row.status === "Error";
    const length = trace.length;
    const percent = (/** @type {number} */ time) => `${(100 * time) / length}%`;
    const kind = trace.services.indexOf(row.service) % KINDS;
    const critical = row.critical_ns ? `, ${duration(row.critical_ns)} of it on the critical path` : "";
    return h(
      "div",
      {
        class: `span ${failed ? "failed" : ""} ${row.critical_ns ? "critical" : ""} ${this.matches(span) ? "" : "dim"}`,
        role: "treeitem",
        "aria-level": depth + 1,
        "aria-expanded": children.length ? String(!folded) : null,
        "aria-selected": String(row.span_id === this.selected),
        "aria-setsize": span.parent ? span.parent.children.length : null,
        "aria-posinset": span.parent ? span.parent.children.indexOf(span) + 1 : null,
        "aria-label": `${row.name}, ${row.service}, ${duration(row.duration_ns)}, itself ${duration(row.self_ns)}${critical}${failed ? ", failed" : ""}`,
        style: { top: `${index * this.rowHeight()}px` },
        dataset: { span: row.span_id },
      },
      h(
        "span",
        { class: "what", style: { "padding-left": `${Math.min(depth, DEEPEST_SHOWN) * 14}px` } },
        h("span", { class: "fold", "aria-hidden": "true" }, children.length ? (folded ? "▸" : "▾") : ""),
        h("span", { class: `dot kind-${kind}` }),
        h("bdi", { class: "name", title: `${row.name}\n${row.service}` }, row.name.slice(0, 300) || "(no name)"),
        folded && h("small", {}, `+${span.size - 1}`),
        span.orphan && h("small", { title: "Its parent is not stored" }, "parent missing"),
        failed && h("small", { class: "bad" }, "failed"),
      ),
      h("span", { class: "number" }, duration(row.duration_ns)),
      h("span", { class: "number muted" }, duration(row.self_ns)),
      h(
        "span",
        { class: "track" },
        h("span", { class: `bar kind-${kind}`, style: { left: percent(span.start), width: percent(span.end - span.start) } }),
        span.own.slice(0, 50).map(([start, end]) => h("span", { class: `own kind-${kind}`, style: { left: percent(start), width: percent(end - start) } })),
      ),
    );
  }

  /** @param {MouseEvent} event */
  click(event) {
    const target = /** @type {Element} */ (event.target);
    const span = this.trace?.byId.get(/** @type {HTMLElement | null} */ (target.closest("[data-span]"))?.dataset.span ?? "");
    if (!span) {
      return;
    }
    this.active = span;
    if (target.classList.contains("fold") && span.children.length) {
      this.fold(span, !this.collapsed.has(span.row.span_id));
    } else {
      this.onSelect(span);
    }
  }

  /** @param {Span} span @param {boolean} folded */
  fold(span, folded) {
    this.collapsed[folded ? "add" : "delete"](span.row.span_id);
    this.again();
  }

  /** @param {boolean} folded  All that have children, but not the roots. */
  foldAll(folded) {
    this.collapsed = new Set(
      folded ? this.trace?.spans.filter(({ children, depth }) => children.length && depth).map(({ row }) => row.span_id) : [],
    );
    this.active = this.trace?.spans[0];
    this.element.scrollTop = 0;
    this.again();
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const at = this.active ? this.shown.indexOf(this.active) : -1;
    const span = this.shown[at];
    if (!span || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const open = span.children.length && !this.collapsed.has(span.row.span_id);
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight()) - 2);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.go(at + 1),
      ArrowUp: () => this.go(at - 1),
      PageDown: () => this.go(at + page),
      PageUp: () => this.go(at - page),
      Home: () => this.go(0),
      End: () => this.go(this.shown.length - 1),
      ArrowRight: () => (span.children.length && !open ? this.fold(span, false) : open && this.go(at + 1)),
      ArrowLeft: () => (open ? this.fold(span, true) : span.parent && this.go(this.shown.indexOf(span.parent))),
      Enter: () => this.onSelect(span),
      " ": () => this.onSelect(span),
    };
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  }

  /** @param {number} index */
  go(index) {
    const to = Math.min(this.shown.length - 1, Math.max(0, index));
    this.active = this.shown[to];
    this.reveal(to);
    this.render();
    this.inDocument.get(this.active)?.focus({ preventScroll: true });
  }

  /** @param {number} index */
  reveal(index) {
    const height = this.rowHeight();
    const top = index * height;
    const room = this.element.clientHeight - this.space.offsetTop;
    if (top < this.element.scrollTop) {
      this.element.scrollTop = top;
    } else if (top + height > this.element.scrollTop + room) {
      this.element.scrollTop = top + height - room;
    }
  }

  rowHeight() {
    return Number.parseFloat(getComputedStyle(this.element).getPropertyValue("--span-height")) || 26;
  }
}
