/**
 * How much was logged, step by step, stacked by severity, the most severe at the bottom, where it is compared best.
 * Dragging along it makes what is dragged the window of the page; the window before is kept in the URL as `whole`.
 */

import { Chart } from "../../chart.js";
import { h } from "../../dom.js";
import { count } from "../../format.js";
import { LEVELS, UNSPECIFIED } from "../../levels.js";
import { current } from "../../state.js";
import { asTable } from "../parts/data-table.js";
import { span, timeAxis, toMs, zoomsWindow } from "../parts/time-axis.js";

/** As the answer has them, the most severe first. */
const STACKED = [...[...LEVELS].reverse(), UNSPECIFIED];

export class Timeline {
  constructor() {
    this.chart = new Chart("Log records over time, by severity");
    this.table = asTable("Log records over time, as a table");
    this.element = h(
      "section",
      { class: "timeline", "aria-label": "Timeline" },
      this.chart.element,
      h("p", { class: "hint" }, "Drag along the time axis to choose a window; Escape undoes it."),
      this.table.element,
    );
    /** What is drawn: nothing is drawn twice. @type {{answer: import("../../api.js").Answer, zone: string} | undefined} */
    this.drawn = undefined;
    this.zooms = false;
  }

  /** @param {import("../../api.js").Answer} answer  Of the question `timeline`. @param {string} zone */
  async show(answer, zone) {
    if (answer === this.drawn?.answer && zone === this.drawn.zone) {
      return;
    }
    this.drawn = { answer, zone };
    this.element.hidden = !answer.rows.length;
    if (!answer.rows.length) {
      return;
    }
    const steps = answer.rows.map((row) => ({ row, from: toMs(row.start_unix_ns), to: toMs(row.end_unix_ns) }));
    const levels = STACKED.filter((level) => steps.some(({ row }) => row[level]));
    const texts = steps.map(({ row, from, to }) => hover(row, span(from, to, zone), levels));
    const [first, last] = [steps[0].from, steps[steps.length - 1].to];
    await this.chart.draw(
      (theme) =>
        levels.map((level) => ({
          type: "bar",
          name: level,
          x: steps.map(({ from, to }) => (from + to) / 2),
          y: steps.map(({ row }) => row[level]),
          width: steps.map(({ from, to }) => (to - from) * 0.92),
          marker: { color: theme.levels[level] },
          hoverinfo: "text",
          hovertext: texts,
        })),
      {
        barmode: "stack",
        dragmode: "zoom",
        hovermode: "x",
        showlegend: true,
        legend: { itemclick: false, itemdoubleclick: false, traceorder: "normal" },
        xaxis: timeAxis(first, last, zone, this.chart.element.clientWidth),
        yaxis: { fixedrange: true, rangemode: "tozero", nticks: 4 },
      },
      summary(answer, levels, steps.length),
    );
    this.table.show(
      ["From", "To", "Records", ...levels],
      () => steps.map(({ row, from, to }) => [...span(from, to, zone).split(" – "), count(row.records), ...levels.map((level) => count(row[level]))]),
    );
    if (!this.zooms) {
      this.zooms = true;
      zoomsWindow(this.chart.plot, () => {
        const { since, until, whole } = current();
        return { whole: whole || `${since}|${until}` };
      });
    }
  }

  close() {
    this.chart.close();
  }
}

/** @param {import("../../api.js").Row} row @param {string} when @param {string[]} levels */
function hover(row, when, levels) {
  const found = levels.filter((level) => row[level]).map((level) => `${level} <b>${count(row[level])}</b>`);
  return [`<b>${when}</b>`, `${count(row.records)} records`, ...found].join("<br>");
}

/** @param {import("../../api.js").Answer} answer @param {string[]} levels @param {number} steps */
function summary({ records, rows }, levels, steps) {
  const each = levels.map((level) => `${count(rows.reduce((sum, row) => sum + row[level], 0))} ${level}`);
  return `${count(records)} log records in ${count(steps)} steps: ${each.join(", ")}.`;
}
