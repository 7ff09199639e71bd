/**
 * Durations over time, each cell the calls of one step and one band of durations. What is dragged on it, or written
 * into the fields below it, is a box (./box.js), whose calls another panel shows.
 */

import { Chart } from "../../chart.js";
import { h } from "../../dom.js";
import { count, duration, short } from "../../format.js";
import { change } from "../../state.js";
import { clock, inZone, zoneName } from "../../time.js";
import { boxOf, boxOfCells, durationsOf, problemOf, shapeOf, timesOf, written } from "./box.js";
import { bandEnding, beginningOf, durationMarks, HEATMAP_SCALE } from "./duration-axis.js";
import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";
import { stepChoice } from "../parts/steps.js";
import { iso, span, timeAxis, toMs } from "../parts/time-axis.js";

/**
 * @typedef {object} Cells
 * @property {number[]} edges  Where steps begin, in milliseconds, and where the last one ends.
 * @property {number} lowest  The number of the first band.
 * @property {number} bands
 * @property {import("../../api.js").Row[]} rows
 */

export class Heatmap extends Panel {
  constructor() {
    super("Latency heatmap", "heatmap", ["step", "box"]);
    this.chart = new Chart("Heatmap of durations over time");
    this.step = stepChoice();
    this.tools.append(this.step.element);
    /** @type {Cells | undefined} */
    this.cells = undefined;
    this.zone = "";
    const field = (/** @type {string} */ placeholder) => h("input", { autocomplete: "off", spellcheck: "false", placeholder });
    this.fields = { from: field("beginning"), to: field("end"), over: field("0ns"), upTo: field("any") };
    this.problem = h("p", { class: "error", role: "alert" });
    const take = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.take();
    };
    this.clear = h("button", { type: "button", onclick: () => change({ box: "" }) }, "Clear");
    const { from, to, over, upTo } = this.fields;
    this.form = h(
      "form",
      { class: "box-form", "aria-label": "Box", onsubmit: take },
      h("label", {}, "From ", from),
      h("label", {}, "to ", to),
      h("label", {}, "longer than ", over),
      h("label", {}, "up to ", upTo),
      h("button", {}, "Show these calls"),
      this.clear,
      this.problem,
    );
    this.body.append(this.chart.element, h("p", { class: "hint" }, "Drag a box, or click a cell, to see its calls and what they have in common."), this.form);
    this.listens = false;
  }

  /** @type {Panel["load"]} */
  async load(ask, state, _window) {
    this.step.show(state);
    this.zone = state.zone;
    const box = boxOf(state);
    // Times are read by the zone's clock when they are taken again; what is no moment, such as "1h", stays as it is.
    const { from = "", to = "", over = "", upTo = "" } = box ?? {};
    const shown = { from: readable(from, state.zone), to: readable(to, state.zone), over, upTo };
    for (const [name, field] of Object.entries(this.fields)) {
      field.value = shown[/** @type {keyof typeof shown} */ (name)];
    }
    this.clear.hidden = !box;
    this.problem.textContent = "";
    const asked = { ...ofFunction(state), timezone: zoneName(state.zone) };
    // Cells say when steps begin but not when they end, and nothing of steps without calls: those come from `series`.
    const [answer, series] = await Promise.all([
      ask("heatmap", { ...asked, step: state.step, scale: HEATMAP_SCALE }),
      ask("series", { ...asked, step: state.step, levels: "p50" }),
    ]);
    if (!answer.rows.length || !series.rows.length) {
      return "No calls in this window.";
    }
    const ends = answer.rows.map((row) => bandEnding(row.to_ns, HEATMAP_SCALE));
    const lowest = Math.min(...ends);
    const edges = [...series.rows.map((row) => toMs(row.start_unix_ns)), toMs(series.rows[series.rows.length - 1].end_unix_ns)];
    this.cells = { edges, lowest, bands: Math.max(...ends) - lowest + 1, rows: answer.rows };
    await this.draw(this.cells, box, state.zone);
  }

  /** @param {Cells} cells @param {import("./box.js").Box | null} box @param {string} zone */
  async draw({ edges, lowest, bands, rows }, box, zone) {
    const steps = edges.length - 1;
    const calls = Array.from({ length: bands }, () => /** @type {(number | null)[]} */ (Array(steps).fill(null)));
    const texts = Array.from({ length: bands }, () => /** @type {string[]} */ (Array(steps).fill("")));
    const column = new Map(edges.map((edge, index) => [edge, index]));
    for (const row of rows) {
      const x = column.get(toMs(row.start_unix_ns));
      const y = bandEnding(row.to_ns, HEATMAP_SCALE) - lowest;
      if (x !== undefined && x < steps) {
        calls[y][x] = Math.log10(row.calls);
        texts[y][x] = hover(row, edges[x], edges[x + 1], zone);
      }
    }
    const levels = Array.from({ length: bands + 1 }, (_, index) => (lowest + index) / 2 ** HEATMAP_SCALE);
    const most = Math.max(...rows.map((row) => row.calls));
    const top = Math.max(0.5, Math.log10(most));
    const marks = [1, 2, 5].flatMap((digit) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].map((decade) => digit * decade));
    const fewMarks = marks.filter((mark) => mark <= most && (most < 100 || Number.isInteger(Math.log10(mark))));
    await this.chart.draw(
      (theme) => [
        {
          type: "heatmap",
          x: edges,
          y: levels,
          z: calls,
          customdata: texts,
          hovertemplate: "%{customdata}<extra></extra>",
          hoverongaps: false,
          colorscale: theme.scale,
          // A single call has to be seen, too: the lowest colour is nearly that of the page.
          zmin: -0.3 * top,
          zmax: top,
          xgap: steps < 200 ? 1 : 0,
          ygap: 1,
          colorbar: { title: { text: "calls", side: "right" }, thickness: 10, outlinewidth: 0, len: 1, y: 0.5, tickvals: fewMarks.map(Math.log10), ticktext: fewMarks.map(short) },
        },
      ],
      {
        dragmode: "select",
        selections: [],
        newselection: { line: { dash: "solid", width: 1.5 } },
        xaxis: { ...timeAxis(edges[0], edges[steps], zone, this.chart.element.clientWidth - 80), showgrid: false },
        yaxis: { range: [levels[0], levels[bands]], zeroline: false, showgrid: false, ...durationMarks(levels[0], levels[bands]) },
        shapes: box ? [shapeOf(timesOf(box, edges[0], edges[steps]), durationsOf(box, levels[0], levels[bands]))] : [],
      },
      summary(rows, zone),
    );
    if (!this.listens) {
      this.listens = true;
      this.chart.plot.on("plotly_selected", (what) => what?.range && this.select(what.range));
      this.chart.plot.on("plotly_click", (what) => {
        const [point] = what.points;
        this.select({ x: [point.x, point.x], y: [point.y, point.y] });
      });
    }
  }

  /** Takes whole cells: those that a dragged rectangle touches. @param {{x: number[], y: number[]}} range */
  select({ x, y }) {
    const { edges, lowest, bands } = /** @type {Cells} */ (this.cells);
    const [left, right] = [Math.min(...x), Math.max(...x)];
    const first = Math.max(0, edges.findLastIndex((edge) => edge <= left));
    const last = Math.min(edges.length - 1, Math.max(first + 1, edges.findIndex((edge) => edge >= right)) || edges.length - 1);
    const bandAt = (/** @type {number} */ level) => Math.min(lowest + bands - 1, Math.max(lowest, Math.floor(level * 2 ** HEATMAP_SCALE)));
    const bottom = bandAt(Math.min(...y));
    const top = Math.max(bottom, bandAt(Math.max(...y)));
    const box = boxOfCells({
      from: iso(edges[first]),
      to: iso(edges[last]),
      overNs: beginningOf(bottom, HEATMAP_SCALE),
      upToNs: beginningOf(top + 1, HEATMAP_SCALE),
    });
    change({ box: written(box) });
  }

  take() {
    const { from, to, over, upTo } = this.fields;
    const box = {
      from: absolute(inZone(from.value, this.zone)),
      to: absolute(inZone(to.value, this.zone)),
      over: over.value.trim().replaceAll(" ", ""),
      upTo: upTo.value.trim().replaceAll(" ", ""),
    };
    this.problem.textContent = problemOf(box);
    if (!this.problem.textContent) {
      change({ box: written(box) });
    }
  }

  close() {
    super.close();
    this.chart.close();
  }
}

/** A moment in UTC, as boxes have them; an age and the like as it is. @param {string} text */
function absolute(text) {
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? text : iso(ms);
}

/** @param {string} text @param {string} zone */
function readable(text, zone) {
  return /^\d{4}-\d\d-\d\dT[\d:]+Z$/.test(text) ? clock(text, zone) : text;
}

/** @param {import("../../api.js").Row} row @param {number} from @param {number} to @param {string} zone */
function hover(row, from, to, zone) {
  const failed = row.errors ? `, ${count(row.errors)} failed` : "";
  return `<b>${span(from, to, zone)}</b><br>${duration(row.over_ns)} – ${duration(row.to_ns)}<br><b>${count(row.calls)}</b> calls${failed}`;
}

/** @param {import("../../api.js").Row[]} rows @param {string} zone */
function summary(rows, zone) {
  const densest = rows.reduce((one, other) => (other.calls > one.calls ? other : one));
  const longest = rows.reduce((one, other) => (other.to_ns > one.to_ns ? other : one));
  const at = (/** @type {import("../../api.js").Row} */ row) => span(toMs(row.start_unix_ns), toMs(row.start_unix_ns), zone).split(" – ")[0];
  return (
    `${count(rows.length)} cells with calls. Most calls, ${count(densest.calls)}, are in the cell of ${duration(densest.over_ns)} to ` +
    `${duration(densest.to_ns)} at ${at(densest)}; the longest are in the band up to ${duration(longest.to_ns)}, first at ${at(longest)}. ` +
    "The fields below take a box of times and durations."
  );
}
