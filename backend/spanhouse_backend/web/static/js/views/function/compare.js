/**
 * The window beside another: which way the function changed, by how much, how sure that is, and both distributions over
 * each other. In the URL: `against` ("" is the window before, "day" and "week" the same time then, or any window as
 * the API takes one: "2d..1d").
 */

import { ApiError } from "../../api.js";
import { Chart } from "../../chart.js";
import { fill, h } from "../../dom.js";
import { changeBy, count, duration, percent, rate } from "../../format.js";
import { change } from "../../state.js";
import { inZone, windowBefore } from "../../time.js";
import { bandEnding, durationMarks, HEATMAP_SCALE } from "./duration-axis.js";
import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";
import { iso, span, toMs } from "../parts/time-axis.js";
import { headline, kindOfNews, pValue, reasons } from "./verdict.js";

const DAY_MS = 86_400_000;
const KNOWN = { "": "the window before", day: "a day before", week: "a week before" };
const LATER_MS = { day: DAY_MS, week: 7 * DAY_MS };
const CUSTOM = "custom";

export class Compare extends Panel {
  constructor() {
    super("Compared with", "compare", ["against"]);
    this.chart = new Chart("Both distributions of durations");
    this.select = h(
      "select",
      { "aria-label": "Compared with", onchange: () => this.choose() },
      Object.entries({ ...KNOWN, [CUSTOM]: "another window" }).map(([value, text]) => h("option", { value }, text)),
    );
    this.custom = h("input", { placeholder: "2026-01-31 09:00..2026-01-31 10:00", "aria-label": "Window to compare with", autocomplete: "off", spellcheck: "false" });
    const take = (/** @type {Event} */ event) => {
      event.preventDefault();
      const [from, to] = this.custom.value.split("..");
      change({ against: to === undefined ? this.custom.value.trim() : `${inZone(from, this.zone)}..${inZone(to, this.zone)}` });
    };
    this.form = h("form", { hidden: true, onsubmit: take }, this.custom, " ", h("button", {}, "Compare"));
    this.zone = "";
    this.tools.append(this.select, this.form);
    this.verdict = h("div", { class: "verdict" });
    this.numbers = h("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Both windows" });
    this.body.append(h("div", { class: "halves" }, h("div", {}, this.verdict, this.numbers), this.chart.element));
  }

  choose() {
    const custom = this.select.value === CUSTOM;
    this.form.hidden = !custom;
    if (custom) {
      this.custom.focus();
    } else {
      change({ against: this.select.value });
    }
  }

  /** @type {Panel["load"]} */
  async load(ask, state, window, signal) {
    const against = state.against ?? "";
    this.zone = state.zone;
    const known = against in KNOWN;
    this.select.value = known ? against : CUSTOM;
    this.form.hidden = known;
    this.custom.value = known ? "" : against;
    const windows = windowsOf(window, against);
    if (!windows) {
      return "Everything stored has no window before it: choose a shorter one above, or another one to compare with.";
    }
    const { service, name, filter } = ofFunction(state);
    const asked = { service, name, filter };
    let answer;
    try {
      answer = await ask("compare", { ...windows, ...asked, limit: 10 });
    } catch (error) {
      if (error instanceof ApiError && error.parameter === "candidate" && known) {
        return `The window is longer than what lies between it and ${KNOWN[/** @type {keyof typeof KNOWN} */ (against)]}: the two overlap.`;
      }
      throw error;
    }
    const [row] = answer.rows;
    const then = { since: iso(toMs(answer.baseline_from_unix_ns)), until: iso(toMs(answer.baseline_to_unix_ns)) };
    const when = span(Date.parse(then.since), Date.parse(then.until), state.zone);
    if (!row) {
      return `There are no calls to compare with in ${when}.`;
    }
    const [before, now] = await Promise.all(
      [then, { since: answer.from, until: answer.to }].map((bounds) => ask("histogram", { ...bounds, ...asked, scale: HEATMAP_SCALE })),
    );
    signal.throwIfAborted();
    fill(this.verdict, sentence(row, when, answer.rows.length > 1));
    fill(this.numbers, table(row));
    await this.draw(before.rows, now.rows);
    return undefined;
  }

  /** @param {import("../../api.js").Row[]} before @param {import("../../api.js").Row[]} now */
  async draw(before, now) {
    const all = [...before, ...now].map((row) => bandEnding(row.to_ns, HEATMAP_SCALE));
    const [least, most] = [Math.min(...all) - 1, Math.max(...all) + 2];
    const bands = Array.from({ length: most - least }, (_, index) => least + index);
    const line = (/** @type {import("../../api.js").Row[]} */ rows, /** @type {string} */ name, /** @type {object} */ style) => {
      const calls = rows.reduce((sum, row) => sum + row.calls, 0);
      const shares = new Map(rows.map((row) => [bandEnding(row.to_ns, HEATMAP_SCALE), row.calls / calls]));
      return {
        type: "scatter",
        mode: "lines",
        name,
        x: bands.map((band) => band / 2 ** HEATMAP_SCALE),
        y: bands.map((band) => (shares.get(band) ?? 0) * 100),
        fill: "tozeroy",
        hovertemplate: `${name}: %{y:.3~g}%<extra></extra>`,
        ...style,
        line: { shape: "hv", width: 1.8, .../** @type {any} */ (style).line },
      };
    };
    const range = [least / 2 ** HEATMAP_SCALE, most / 2 ** HEATMAP_SCALE];
    await this.chart.draw(
      (theme) => [
        line(before, "then", { line: { color: theme.series[5], dash: "dot" }, fillcolor: "rgba(128, 136, 150, 0.16)" }),
        line(now, "now", { line: { color: theme.series[0] }, fillcolor: "rgba(80, 130, 230, 0.18)" }),
      ],
      {
        dragmode: false,
        hovermode: "closest",
        legend: { x: 1, xanchor: "right", itemclick: false, itemdoubleclick: false },
        xaxis: { range, zeroline: false, showgrid: false, fixedrange: true, ...durationMarks(range[0], range[1], this.chart.element.clientWidth - 40) },
        yaxis: { rangemode: "tozero", ticksuffix: "%", nticks: 5, fixedrange: true, title: { text: "of calls" } },
      },
      "The shares of calls by duration, in both windows; the table beside it has their percentiles.",
    );
  }

  close() {
    super.close();
    this.chart.close();
  }
}

/**
 * The two windows as the question `compare` takes them; null when there is nothing before.
 * @param {{from: string, to: string}} window
 * @param {string} against
 * @returns {{baseline: string, candidate: string} | null}
 */
function windowsOf(window, against) {
  const before = windowBefore(window);
  const later = LATER_MS[/** @type {keyof typeof LATER_MS} */ (against)];
  if (!before) {
    return against in KNOWN ? null : { baseline: against, candidate: `${window.from}..${window.to}` };
  }
  const { baseline, candidate } = before;
  if (!later) {
    return { baseline: against || baseline, candidate };
  }
  const [from, to] = candidate.split("..").map((moment) => iso(Date.parse(moment) - later));
  return { baseline: `${from}..${to}`, candidate };
}

/** @param {import("../../api.js").Row} row @param {string} when @param {boolean} oneOfMany */
function sentence(row, when, oneOfMany) {
  const { superiority, superiority_low: low, superiority_high: high } = row;
  const tested = row.verdict !== "too_little_data";
  return [
    h("p", { class: "headline" }, h("strong", { class: kindOfNews(row) }, headline(row)), ` compared with ${when}`),
    h("ul", {}, reasons(row).map((text) => h("li", {}, text))),
    tested &&
      h(
        "p",
        { class: "hint" },
        `${percent(superiority)} of the time, a call now takes longer than one then (50% is no difference; ${percent(low)} to ${percent(high)} with 95% confidence). ` +
          `Speed: ${pValue(row.p_value)}; errors: ${pValue(row.errors_p_value)}, both corrected for all that was tested.`,
      ),
    oneOfMany && h("p", { class: "hint" }, "Of service ", h("bdi", {}, row.service), ": choose another above."),
  ];
}

/** @param {import("../../api.js").Row} row */
function table(row) {
  const numbers = [
    ["calls", rate(row.baseline_calls_per_second), rate(row.candidate_calls_per_second), factor(row.candidate_calls_per_second / row.baseline_calls_per_second)],
    ["errors", percent(row.baseline_errors / row.baseline_calls), percent(row.candidate_errors / row.candidate_calls), ""],
    ["typical", "", "", factor(row.shift)],
    ...row.percentiles.map((/** @type {any} */ { level, baseline_ns, candidate_ns, ratio, ratio_low, ratio_high }) => [
      `p${Number((level * 100).toPrecision(6))}`,
      duration(baseline_ns),
      duration(candidate_ns),
      `${changeBy(ratio)} (${changeBy(ratio_low)} to ${changeBy(ratio_high)})`,
    ]),
  ];
  return h(
    "table",
    { "aria-label": "Both windows" },
    h("thead", {}, h("tr", {}, ["", "Then", "Now", "Change (95% interval)"].map((text) => h("th", { scope: "col", class: "number" }, text)))),
    h("tbody", {}, numbers.map(([name, ...cells]) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((cell) => h("td", { class: "number" }, cell))))),
    h("caption", { class: "unseen" }, `${count(row.baseline_calls)} calls then, ${count(row.candidate_calls)} now`),
  );
}

/** @param {number} ratio */
function factor(ratio) {
  return Number.isFinite(ratio) ? changeBy(ratio) : "";
}
