/**
 * One trace: what called what, when, for how long, and what its end waited for. As a waterfall, or a flame view; with the
 * details of a span beside it.
 *
 * In the URL: `trace` (its id), `span` (whose details are open), `mode` ("flame"), `find` (what names contain), `only`
 * ("critical": the rest is dimmed).
 */

import { ApiError, ask } from "../api.js";
import { fill, h } from "../dom.js";
import { count, duration } from "../format.js";
import { bind } from "../keyboard.js";
import { change, current, link } from "../state.js";
import { clock } from "../time.js";
import { Details } from "./trace/details.js";
import { Flame } from "./trace/flame.js";
import { TraceLogs } from "./trace/logs.js";
import { traceOf } from "./trace/tree.js";
import { Waterfall } from "./trace/waterfall.js";

const KINDS = 6;

/** @typedef {import("./trace/tree.js").Span} Span */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new TraceView(root);
}

class TraceView {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const onSelect = (/** @type {Span} */ { row }) => change({ span: current().span === row.span_id ? "" : row.span_id }, { replace: true });
    this.waterfall = new Waterfall({ onSelect });
    this.flame = new Flame({ onSelect });
    this.details = new Details({ onClose: () => change({ span: "" }, { replace: true }) });
    this.logs = new TraceLogs();
    this.title = h("div", { class: "trace-title" });
    this.find = h("input", {
      type: "search",
      placeholder: "Name, service or status contains",
      "aria-label": "Name, service or status contains",
      oninput: () => change({ find: this.find.value }, { replace: true }),
    });
    this.found = h("span", { class: "shown", role: "status" });
    this.critical = h("input", { type: "checkbox", onchange: () => change({ only: this.critical.checked ? "critical" : "" }) });
    this.modes = h("span", { class: "modes", role: "group", "aria-label": "Shown as" });
    this.folding = h(
      "span",
      {},
      h("button", { type: "button", onclick: () => this.waterfall.foldAll(true) }, "Fold all"),
      " ",
      h("button", { type: "button", onclick: () => this.waterfall.foldAll(false) }, "Unfold all"),
    );
    this.drawing = h("div", { class: "drawing" });
    this.content = h(
      "div",
      { class: "content" },
      this.title,
      h("div", { class: "toolbar" }, this.modes, this.find, h("label", { class: "check" }, this.critical, " Critical path"), this.folding, this.found),
      h("div", { class: "beside" }, this.drawing, this.details.element),
      this.logs.element,
    );
    this.content.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && current().span && !event.defaultPrevented) {
        change({ span: "" }, { replace: true });
      }
    });
    /** @type {import("../api.js").Answer | undefined} */
    this.answer = undefined;
    /** @type {import("./trace/tree.js").Trace | undefined} */
    this.trace = undefined;
    this.close = bind("f", "Find a span by its name", () => this.find.focus());
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal */
  async update(state, signal) {
    if (!state.trace) {
      this.askForId("");
      return;
    }
    /** @type {import("../api.js").Answer} */
    let answer;
    try {
      answer = await ask(`trace/${encodeURIComponent(state.trace)}`, {}, { signal, exactTimes: true });
    } catch (error) {
      if (error instanceof ApiError && [400, 404].includes(error.status)) {
        this.askForId(error.message, state.trace);
        return;
      }
      throw error;
    }
    if (answer !== this.answer || !this.trace) {
      this.answer = answer;
      this.trace = traceOf(/** @type {any} */ (answer.rows));
    }
    if (!this.content.isConnected) {
      fill(this.root, this.content);
    }
    this.showTitle(state);
    await this.showSpans(state, signal);
    await this.logs.show(state, this.trace, signal);
  }

  /** @param {import("../state.js").State} state */
  showTitle(state) {
    const { spans, services, length } = /** @type {import("./trace/tree.js").Trace} */ (this.trace);
    const root = spans.reduce((one, other) => (!other.parent && other.row.duration_ns > one.row.duration_ns ? other : one));
    const failed = spans.filter(({ row }) => row.status === "Error").length;
    fill(
      this.title,
      h("h1", {}, h("bdi", {}, root.row.name.slice(0, 300) || "(no name)")),
      h(
        "p",
        { class: "about" },
        `${clock(root.row.start_unix_ns, state.zone, { milliseconds: true })} · ${duration(length)} · ${count(spans.length)} spans`,
        this.answer?.truncated && ", the first of more",
        failed > 0 && h("span", { class: "bad" }, ` · ${count(failed)} failed`),
      ),
      h(
        "ul",
        { class: "legend", "aria-label": "Services" },
        services.map((service, index) => h("li", {}, h("span", { class: `dot kind-${index % KINDS}` }), h("bdi", {}, service.slice(0, 100) || "(no service)"))),
      ),
    );
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal */
  async showSpans(state, signal) {
    const trace = /** @type {import("./trace/tree.js").Trace} */ (this.trace);
    const flame = state.mode === "flame";
    const drawn = flame ? this.flame : this.waterfall;
    fill(
      this.modes,
      [
        ["", "Waterfall"],
        ["flame", "Flame"],
      ].map(([mode, name]) => h("a", { class: "button", href: link({ mode }), "aria-current": (state.mode ?? "") === mode && "true" }, name)),
    );
    if (this.find.value !== (state.find ?? "")) {
      this.find.value = state.find ?? "";
    }
    this.critical.checked = state.only === "critical";
    this.folding.hidden = flame;
    if (drawn.element.parentElement !== this.drawing) {
      fill(this.drawing, drawn.element);
    }
    drawn.show(trace);
    const matches = matching(state);
    const narrowed = Boolean(state.find) || state.only === "critical";
    this.found.textContent = narrowed ? `${count(trace.spans.filter(matches).length)} of ${count(trace.spans.length)} spans` : "";
    drawn.highlight(matches);
    if (drawn.selected !== (state.span ?? "")) {
      drawn.select(state.span ?? "");
    }
    await this.details.show(trace.byId.get(state.span ?? ""), state, trace, signal);
  }

  /** For who comes here without an id, or with one that nothing is stored of. @param {string} problem @param {string} [given] */
  askForId(problem, given = "") {
    this.answer = undefined;
    const input = h("input", { name: "trace", value: given, size: 36, "aria-label": "Trace id", autocomplete: "off", spellcheck: "false" });
    const go = (/** @type {Event} */ event) => {
      event.preventDefault();
      change({ trace: input.value.trim(), span: "", find: "" });
    };
    fill(
      this.root,
      h(
        "section",
        { class: "state" },
        h("h1", {}, "A trace by its id"),
        problem && h("p", { class: "error", role: "alert" }, problem),
        h("p", {}, "32 hexadecimal digits, as logs and headers (traceparent) have them. Slow calls of a function lead to theirs."),
        h("form", { class: "actions", onsubmit: go }, input, h("button", { class: "primary" }, "Show")),
      ),
    );
    input.focus();
  }
}

/** @param {import("../state.js").State} state @returns {(span: Span) => boolean} */
function matching({ find = "", only = "" }) {
  const wanted = find.toLowerCase();
  return ({ row }) =>
    (only !== "critical" || row.critical_ns > 0) &&
    (!wanted || [row.name, row.service, row.status, row.status_message].some((text) => text.toLowerCase().includes(wanted)));
}
