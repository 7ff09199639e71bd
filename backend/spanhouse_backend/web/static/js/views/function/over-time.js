/**
 * How the function went: percentiles step by step, with how often it was called and how often it failed below. Where
 * nothing was called, lines have a gap. In the URL: `levels`, `step`, and `axis` ("linear").
 */

import { Chart } from "../../chart.js";
import { h } from "../../dom.js";
import { count, duration, percent } from "../../format.js";
import { change, current, link } from "../../state.js";
import { zoneName } from "../../time.js";
import { asPanelButton } from "../parts/as-panel.js";
import { asTable } from "../parts/data-table.js";
import { durationMarks, toAxis } from "./duration-axis.js";
import { ofFunction } from "./of-function.js";
import { linearAxis } from "../parts/linear-axis.js";
import { Panel } from "../parts/panel.js";
import { choice, stepChoice } from "../parts/steps.js";
import { iso, span, timeAxis, toMs, zoomsWindow } from "../parts/time-axis.js";

/** Their names, as shown and as the API has them. */
const LEVELS = [
  ["p50", "p50"],
  ["p90", "p90"],
  ["p95", "p95"],
  ["p99", "p99"],
  ["p99.9", "p99.9"],
  ["max", "p100"],
];
const USUAL = "p50,p90,p99";
const MANY_STEPS = 60;

export class OverTime extends Panel {
  constructor() {
    super("Over time", "over-time", ["levels", "step", "axis"]);
    this.chart = new Chart("Percentiles, calls and errors over time");
    this.levels = h("fieldset", { class: "chips" }, h("legend", { class: "unseen" }, "Percentiles"));
    this.boxes = LEVELS.map(([shown], index) => {
      const box = h("input", { type: "checkbox", value: shown, onchange: () => this.chooseLevels() });
      this.levels.append(h("label", { class: `chip series-${index + 1}` }, box, shown));
      return box;
    });
    this.step = stepChoice();
    this.axis = choice("axis", "Axis", [
      ["", "log"],
      ["linear", "linear"],
    ]);
    this.wider = h("a", { class: "button", title: "Three times as long a window" }, "Zoom out");
    this.tools.append(this.levels, this.step.element, this.axis.element, this.wider, asPanelButton(() => panelOf(current())));
    this.table = asTable("Over time, as a table");
    this.body.append(this.chart.element, h("p", { class: "hint" }, "Drag along the time axis to zoom; the browser's Back undoes it."), this.table.element);
    this.zooms = false;
  }

  /** @type {Panel["load"]} */
  async load(ask, state, _window, signal) {
    const levels = chosen(state);
    this.step.show(state);
    this.axis.show(state);
    this.boxes.forEach((box) => {
      box.checked = levels.some(([shown]) => shown === box.value);
    });
    const answer = await ask("series", {
      ...ofFunction(state),
      step: state.step,
      timezone: zoneName(state.zone),
      levels: levels.map(([, asked]) => asked).join(","),
    });
    const steps = answer.rows.map((row) => stepOf(row, levels));
    this.offerWider(steps);
    if (!steps.some(({ calls }) => calls)) {
      return "No calls in this window.";
    }
    await this.draw(state, levels, steps);
    signal.throwIfAborted();
    this.table.show(
      ["From", "To", "Calls", "Errors", ...levels.map(([shown]) => shown)],
      () => steps.map((step) => [...span(step.from, step.to, state.zone).split(" – "), count(step.calls), count(step.errors), ...step.values.map(duration)]),
    );
  }

  /**
   * @param {import("../../state.js").State} state
   * @param {string[][]} levels
   * @param {Step[]} steps
   */
  async draw(state, levels, steps) {
    const linear = state.axis === "linear";
    const known = steps.flatMap(({ values }) => /** @type {number[]} */ (values.filter((value) => value !== null)));
    const [least, most] = [Math.min(...known), Math.max(...known)];
    const [from, to] = [steps[0].from, /** @type {Step} */ (steps.at(-1)).to];
    const y = linear ? linearAxis(most, duration) : logAxis(least, most);
    const place = (/** @type {number | null} */ ns) => (ns === null ? null : linear ? ns : toAxis(ns));
    const middle = steps.map((step) => (step.from + step.to) / 2);
    const width = steps.map((step) => (step.to - step.from) * 0.92);
    const texts = steps.map((step) => hover(step, levels, state.zone));
    const label = { hoverinfo: "text", hovertext: texts };
    const alone = steps.map((_, index) => !steps[index - 1]?.calls && !steps[index + 1]?.calls);
    await this.chart.draw(
      (theme) => [
        ...levels.map(([shown], index) => ({
          type: "scatter",
          mode: "lines+markers",
          name: shown,
          x: middle,
          y: steps.map(({ values }) => place(values[index])),
          line: { color: theme.series[LEVELS.findIndex(([name]) => name === shown)], width: 1.8 },
          // A step between two gaps has no line to be seen by.
          marker: { size: steps.map((_, at) => (alone[at] ? 5 : steps.length <= MANY_STEPS ? 3.5 : 0)) },
          ...(index === levels.length - 1 ? label : { hoverinfo: "skip" }),
        })),
        { type: "bar", name: "calls", x: middle, y: steps.map(({ calls }) => calls), width, yaxis: "y2", marker: { color: theme.series[5], opacity: 0.75 }, ...label },
        { type: "bar", name: "errors", x: middle, y: steps.map(({ errors }) => errors), width, yaxis: "y3", marker: { color: theme.error }, ...label },
      ],
      {
        showlegend: false,
        hovermode: "x",
        dragmode: "zoom",
        xaxis: { ...timeAxis(from, to, state.zone, this.chart.element.clientWidth), anchor: "y3", showspikes: true, spikemode: "across", spikethickness: -1, spikedash: "dot", spikecolor: "gray" },
        yaxis: { ...y, domain: [0.4, 1], fixedrange: true },
        yaxis2: { domain: [0.19, 0.34], fixedrange: true, rangemode: "tozero", nticks: 3, title: { text: "calls" }, gridcolor: "transparent" },
        yaxis3: { domain: [0, 0.13], fixedrange: true, rangemode: "tozero", nticks: 3, title: { text: "errors" }, gridcolor: "transparent", range: steps.some(({ errors }) => errors) ? undefined : [0, 1] },
      },
      summary(levels, steps, state.zone),
    );
    if (!this.zooms) {
      this.zooms = true;
      zoomsWindow(this.chart.plot);
    }
  }

  /** @param {Step[]} steps */
  offerWider(steps) {
    const [from, to] = [steps[0]?.from ?? 0, steps.at(-1)?.to ?? 0];
    const length = to - from;
    this.wider.setAttribute("href", link({ since: iso(Math.max(0, from - length)), until: iso(Math.min(Date.now(), to + length)) }));
  }

  chooseLevels() {
    const levels = this.boxes.filter((box) => box.checked).map((box) => box.value);
    // None is what a chart of percentiles cannot be of.
    const text = levels.join(",") || USUAL;
    change({ levels: text === USUAL ? "" : text });
    if (!levels.length) {
      this.boxes.forEach((box) => {
        box.checked = chosen(current()).some(([shown]) => shown === box.value);
      });
    }
  }

  close() {
    super.close();
    this.chart.close();
  }
}

/** @typedef {{from: number, to: number, calls: number, errors: number, values: (number | null)[]}} Step */

/** @param {import("../../api.js").Row} row @param {string[][]} levels @returns {Step} */
function stepOf(row, levels) {
  return {
    from: toMs(row.start_unix_ns),
    to: toMs(row.end_unix_ns),
    calls: row.calls,
    errors: row.errors,
    values: levels.map(([, asked]) => row.percentiles_ns[asked]),
  };
}

/** The same as a panel of a board, over whatever window is looked at there. @param {import("../../state.js").State} state */
function panelOf(state) {
  const levels = chosen(state).map(([, asked]) => asked);
  return { title: `${state.name} over time`, question: "series", show: "lines", service: state.service, name: state.name, filter: state.filter, levels: levels.join(","), step: state.step ?? "" };
}

/** @param {import("../../state.js").State} state */
function chosen(state) {
  const wanted = (state.levels || USUAL).split(",");
  const found = LEVELS.filter(([shown]) => wanted.includes(shown));
  return found.length ? found : LEVELS.filter(([shown]) => USUAL.split(",").includes(shown));
}

/** @param {number} least @param {number} most */
function logAxis(least, most) {
  const room = Math.max(0.4, (toAxis(most) - toAxis(least)) * 0.06);
  const range = [toAxis(least) - room, toAxis(most) + room];
  return { range, zeroline: false, ...durationMarks(range[0], range[1]) };
}

/** @param {Step} step @param {string[][]} levels @param {string} zone */
function hover(step, levels, zone) {
  const lines = levels.map(([shown], index) => `${shown} <b>${duration(step.values[index])}</b>`).reverse();
  const failed = step.errors ? `, ${count(step.errors)} failed (${percent(step.errors / step.calls)})` : "";
  return [`<b>${span(step.from, step.to, zone)}</b>`, ...(step.calls ? lines : []), `${count(step.calls)} calls${failed}`].join("<br>");
}

/** @param {string[][]} levels @param {Step[]} steps @param {string} zone */
function summary(levels, steps, zone) {
  const called = steps.filter(({ calls }) => calls);
  const sum = (/** @type {(step: Step) => number} */ of) => steps.reduce((total, step) => total + of(step), 0);
  const parts = levels.map(([shown], index) => {
    const highest = called.reduce((one, other) => (Number(other.values[index]) > Number(one.values[index]) ? other : one));
    const lowest = called.reduce((one, other) => (Number(other.values[index]) < Number(one.values[index]) ? other : one));
    return `${shown} lies between ${duration(lowest.values[index])} and ${duration(highest.values[index])}, the latter at ${span(highest.from, highest.to, zone)}`;
  });
  const silent = steps.length - called.length;
  return `${parts.join("; ")}. ${count(sum(({ calls }) => calls))} calls, ${count(sum(({ errors }) => errors))} errors in ${steps.length} steps${silent ? `, of which ${silent} are without calls` : ""}.`;
}
