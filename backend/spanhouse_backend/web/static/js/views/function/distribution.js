/**
 * How durations are distributed, with the percentiles marked. What is dragged along its axis becomes the box's
 * durations. In the URL: `counts` ("log").
 */

import { Chart } from "../../chart.js";
import { h } from "../../dom.js";
import { count, duration, percent } from "../../format.js";
import { change, current } from "../../state.js";
import { boxOf, boxOfCells, durationsOf, shapeOf, written } from "./box.js";
import { asTable } from "../parts/data-table.js";
import { bandEnding, beginningOf, durationMarks, toAxis } from "./duration-axis.js";
import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";
import { choice } from "../parts/steps.js";

const SCALE = 3;
const LEVELS = ["p50", "p90", "p95", "p99", "p99.9", "p100"];
const shownLevel = (/** @type {string} */ level) => (level === "p100" ? "max" : level);
// Marks nearer than this to the one before would be written over it; of the chart's width.
const NEAR = 0.055;

export class Distribution extends Panel {
  constructor() {
    super("Distribution", "distribution", ["counts", "box"]);
    this.chart = new Chart("Distribution of durations");
    this.counts = choice("counts", "Calls", [
      ["", "linear"],
      ["log", "log"],
    ]);
    this.tools.append(this.counts.element);
    this.table = asTable("Distribution, as a table");
    this.body.append(this.chart.element, h("p", { class: "hint" }, "Drag along it to see the calls of these durations."), this.table.element);
    this.listens = false;
    /** @type {[number, number]} */
    this.bands = [0, 0];
  }

  /** @type {Panel["load"]} */
  async load(ask, state) {
    this.counts.show(state);
    const asked = ofFunction(state);
    const [answer, together] = await Promise.all([
      ask("histogram", { ...asked, scale: SCALE }),
      ask("percentiles", { ...asked, group: "none", levels: LEVELS.join(","), limit: 1 }),
    ]);
    if (!answer.rows.length || !together.rows.length) {
      return "No calls in this window.";
    }
    const percentiles = together.rows[0].percentiles_ns;
    await this.draw(answer.rows, percentiles, state.counts === "log", boxOf(state));
    this.table.show(["Longer than", "up to", "Calls", "Errors", "No longer than this"], () =>
      answer.rows.map((row) => [duration(row.over_ns), duration(row.to_ns), count(row.calls), count(row.errors), percent(row.share)]),
    );
  }

  /**
   * @param {import("../../api.js").Row[]} rows
   * @param {Record<string, number>} percentiles
   * @param {boolean} log
   * @param {import("./box.js").Box | null} box
   */
  async draw(rows, percentiles, log, box) {
    const bands = rows.map((row) => bandEnding(row.to_ns, SCALE));
    this.bands = [bands[0], bands[bands.length - 1]];
    const middle = bands.map((band) => (band + 0.5) / 2 ** SCALE);
    const width = bands.map(() => 0.94 / 2 ** SCALE);
    const [least, most] = [(this.bands[0] - 1) / 2 ** SCALE, (this.bands[1] + 2) / 2 ** SCALE];
    const customdata = rows.map(
      (row) => `${duration(row.over_ns)} – ${duration(row.to_ns)}<br><b>${count(row.calls)}</b> calls${row.errors ? `, ${count(row.errors)} failed` : ""}<br>${percent(row.share)} took no longer`,
    );
    const label = { customdata, hovertemplate: "%{customdata}<extra></extra>" };
    const marks = LEVELS.map((level) => ({ level: shownLevel(level), ns: percentiles[level], x: toAxis(percentiles[level]) }));
    await this.chart.draw(
      (theme) => [
        // Those that failed are in front of all, from the bottom: on a logarithmic axis heights do not add up.
        { type: "bar", name: "calls", x: middle, y: rows.map((row) => row.calls), width, marker: { color: theme.series[0] }, ...label },
        { type: "bar", name: "failed", x: middle, y: rows.map((row) => row.errors), width, marker: { color: theme.error }, ...label },
      ],
      {
        barmode: "overlay",
        showlegend: rows.some((row) => row.errors > 0),
        legend: { x: 0, xanchor: "left", y: -0.14, yanchor: "top", itemclick: false, itemdoubleclick: false },
        margin: { t: 50 },
        hovermode: "closest",
        // What is zoomed into becomes the box, and the axis what it was.
        dragmode: "zoom",
        xaxis: { range: [least, most], zeroline: false, showgrid: false, ...durationMarks(least, most, this.chart.element.clientWidth - 40) },
        yaxis: { fixedrange: true, rangemode: "tozero", nticks: 5, title: { text: "calls" }, type: log ? "log" : "linear" },
        shapes: [
          ...marks.map(({ x }) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { width: 1.3, dash: "dot", color: "gray" } })),
          ...(box && (box.over || box.upTo) ? [shapeOf(durationsOf(box, least, most), [0, 1], { yref: "paper" })] : []),
        ],
        annotations: labels(marks, least, most),
      },
      `${marks.map(({ level, ns }) => `${level} ${duration(ns)}`).join(", ")}. Most calls lie between ${duration(densest(rows).over_ns)} and ${duration(densest(rows).to_ns)}.`,
    );
    if (!this.listens) {
      this.listens = true;
      this.chart.plot.on("plotly_relayout", (what) => {
        const [from, to] = [what["xaxis.range[0]"], what["xaxis.range[1]"]];
        if (typeof from === "number" && typeof to === "number") {
          this.select([from, to]);
        }
      });
    }
  }

  /** @param {number[]} x */
  select(x) {
    const band = (/** @type {number} */ level) => Math.min(this.bands[1], Math.max(this.bands[0], Math.floor(level * 2 ** SCALE)));
    const [first, last] = [band(Math.min(...x)), band(Math.max(...x))];
    const { from, to } = boxOf(current()) ?? { from: "", to: "" };
    change({ box: written(boxOfCells({ from, to, overNs: beginningOf(first, SCALE), upToNs: beginningOf(last + 1, SCALE) })) });
    // Also when it is the same box as before, of which nobody is told.
    this.chart.redraw();
  }

  close() {
    super.close();
    this.chart.close();
  }
}

/** @param {import("../../api.js").Row[]} rows */
function densest(rows) {
  return rows.reduce((one, other) => (other.calls > one.calls ? other : one));
}

/**
 * What is written above the marks, a line higher where two would collide.
 * @param {{level: string, ns: number, x: number}[]} marks
 * @param {number} least
 * @param {number} most
 */
function labels(marks, least, most) {
  let row = 0;
  let before = -Infinity;
  return marks.map(({ level, x }) => {
    const at = (x - least) / (most - least);
    row = at - before < NEAR ? row + 1 : 0;
    before = at;
    return { x, y: 1, yref: "paper", yanchor: "bottom", yshift: (row % 3) * 13, text: level, showarrow: false, font: { size: 11 } };
  });
}
