/**
 * The flame view: the whole trace at a glance, time from left to right, each span below its parent, as wide as it took.
 * Drawn on a canvas, where thousands of spans cost nothing; the waterfall says the same to keyboards and screen readers.
 */

import { h } from "../../dom.js";
import { duration } from "../../format.js";
import { onTheme } from "../../theme.js";
import { lanes, ticks } from "./tree.js";

const LINE = 20;
const AXIS = 22;
const KINDS = 6;
const LEAST_LABEL = 28;
const TICK_WIDTH = 150;

/** @typedef {import("./tree.js").Span} Span */

export class Flame {
  /**
   * @param {object} options
   * @param {(span: Span) => void} options.onSelect
   */
  constructor({ onSelect }) {
    this.onSelect = onSelect;
    /** @type {import("./tree.js").Trace | undefined} */
    this.trace = undefined;
    /** @type {Map<Span, number>} */
    this.lines = new Map();
    /** @type {(span: Span) => boolean} */
    this.matches = () => true;
    this.selected = "";
    /** What is in sight, in nanoseconds of the trace. @type {[number, number]} */
    this.window = [0, 1];
    this.canvas = h("canvas", { role: "img" });
    // As high as all lines; the canvas, which may not be, stays in sight and draws those that are.
    this.paper = h("div", { class: "paper" }, this.canvas);
    this.sheet = h("div", { class: "sheet", tabindex: 0, role: "region", "aria-label": "Flame view", onscroll: () => this.draw() }, this.paper);
    this.tip = h("p", { class: "tip", hidden: true });
    this.whole = h("button", { type: "button", hidden: true, onclick: () => this.zoom([0, this.trace?.length ?? 1]) }, "Whole trace");
    this.element = h(
      "div",
      { class: "flame" },
      h("p", { class: "hint" }, "Click a span for its details, double-click it to fill the width with it. ", this.whole),
      this.sheet,
      this.tip,
    );
    this.canvas.addEventListener("click", (event) => this.at(event, (span) => this.onSelect(span)));
    this.canvas.addEventListener("dblclick", (event) => this.at(event, (span) => this.zoom([span.start, Math.max(span.end, span.start + 1)])));
    this.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.canvas.addEventListener("mouseleave", () => {
      this.tip.hidden = true;
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
    onTheme(() => this.draw());
  }

  /** @param {import("./tree.js").Trace} trace */
  show(trace) {
    if (trace !== this.trace) {
      this.trace = trace;
      const { lines, count } = lanes(trace);
      this.lines = lines;
      this.paper.style.height = `${AXIS + count * LINE}px`;
      this.sheet.scrollTop = 0;
      this.canvas.setAttribute("aria-label", `${trace.spans.length} spans of ${trace.services.length} services over ${duration(trace.length)}; the waterfall lists them`);
      this.zoom([0, trace.length]);
    }
    this.draw();
  }

  /** @param {(span: Span) => boolean} matches */
  highlight(matches) {
    this.matches = matches;
    this.draw();
  }

  /** @param {string} spanId */
  select(spanId) {
    this.selected = spanId;
    this.draw();
  }

  /** @param {[number, number]} window */
  zoom(window) {
    this.window = window;
    this.whole.hidden = window[1] - window[0] >= (this.trace?.length ?? 1);
    this.draw();
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.trace || !pen || !width) {
      return;
    }
    const scale = globalThis.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const probe = this.element.appendChild(h("span", { hidden: true }));
    const real = (/** @type {string} */ name) => {
      // light-dark() is only resolved where it is used.
      probe.style.color = colour(name);
      return getComputedStyle(probe).color;
    };
    const kinds = Array.from({ length: KINDS }, (_, index) => real(`--series-${index + 1}`));
    const [page, text, muted, line, error] = ["--surface", "--text", "--muted", "--line", "--error"].map(real);
    probe.remove();
    const [from, to] = this.window;
    const above = this.sheet.scrollTop;
    const x = (/** @type {number} */ time) => ((time - from) / (to - from)) * width;
    pen.font = `11px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    const axis = ticks(from, to, Math.max(2, width / TICK_WIDTH));
    pen.fillStyle = line;
    for (const tick of axis) {
      pen.fillRect(x(tick), 0, 1, height);
    }
    for (const span of this.trace.spans) {
      const left = Math.max(x(span.start), -1);
      const right = Math.min(x(span.end), width + 1);
      if (right < 0 || left > width) {
        continue;
      }
      const top = AXIS + /** @type {number} */ (this.lines.get(span)) * LINE - above;
      if (top + LINE < AXIS || top > height) {
        continue;
      }
      const wide = Math.max(right - left, 1);
      pen.globalAlpha = this.matches(span) ? 1 : 0.2;
      pen.fillStyle = kinds[this.trace.services.indexOf(span.row.service) % KINDS];
      pen.fillRect(left, top + 1, wide, LINE - 2);
      if (span.row.status === "Error") {
        pen.fillStyle = error;
        pen.fillRect(left, top + LINE - 4, wide, 3);
      }
      if (span.row.span_id === this.selected) {
        pen.strokeStyle = text;
        pen.lineWidth = 2;
        pen.strokeRect(left, top + 1, wide, LINE - 2);
      }
      if (wide > LEAST_LABEL) {
        pen.save();
        pen.beginPath();
        pen.rect(Math.max(left, 0), top, wide - 4, LINE);
        pen.clip();
        pen.fillStyle = page;
        pen.fillText(span.row.name.slice(0, 200), Math.max(left, 0) + 4, top + LINE / 2 + 1);
        pen.restore();
      }
      pen.globalAlpha = 1;
    }
    // Above what is scrolled away under it.
    pen.fillStyle = page;
    pen.fillRect(0, 0, width, AXIS);
    pen.fillStyle = muted;
    for (const tick of axis) {
      pen.fillText(tick ? duration(tick) : "0", x(tick) + 4, AXIS / 2);
    }
  }

  /** @param {MouseEvent} event @param {(span: Span) => void} act */
  at(event, act) {
    const span = this.under(event);
    if (span) {
      act(span);
    }
  }

  /** @param {MouseEvent} event @returns {Span | undefined} */
  under({ offsetX, offsetY }) {
    const [from, to] = this.window;
    const pixel = (to - from) / Math.max(this.canvas.clientWidth, 1);
    const time = from + offsetX * pixel;
    const line = offsetY < AXIS ? -1 : Math.floor((offsetY + this.sheet.scrollTop - AXIS) / LINE);
    return this.trace?.spans.find((span) => this.lines.get(span) === line && span.start - pixel <= time && time <= Math.max(span.end, span.start + pixel));
  }

  /** @param {MouseEvent} event */
  point(event) {
    const span = this.under(event);
    this.canvas.style.cursor = span ? "pointer" : "";
    this.tip.hidden = !span;
    if (span) {
      const { name, service, duration_ns, self_ns } = span.row;
      this.tip.textContent = `${name.slice(0, 300)} · ${service} · ${duration(duration_ns)}, itself ${duration(self_ns)}`;
    }
  }
}
