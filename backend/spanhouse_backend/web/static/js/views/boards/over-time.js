/** Lines or bars over time. Dragging along the axis makes what is dragged the window of the page, if the panel shows that. */

import { Chart, plain } from "../../chart.js";
import { count } from "../../format.js";
import { asTable } from "../parts/data-table.js";
import { linearAxis } from "../parts/linear-axis.js";
import { span, timeAxis, zoomsWindow } from "../parts/time-axis.js";
import { pointsOf } from "./points.js";
import { otherUnits, writes, writesShort } from "./values.js";

const FEW_STEPS = 60;

/** @param {import("./values.js").PanelDocument} panel */
export function overTime(panel) {
  const chart = new Chart(panel.title);
  const table = asTable(`${panel.title}, as a table`);
  const zooms = panel.page.includes("since");
  let listens = false;
  return {
    elements: [chart.element, table.element],
    /** @param {import("../../api.js").Answer} answer @param {string} zone @returns {Promise<string | void>} what to say in its place */
    async show(answer, zone) {
      const { starts, ends, lines } = pointsOf(panel, answer);
      const known = lines.flatMap(({ values }) => values.filter((value) => value !== null));
      // Steps without anything are there, too; that nothing failed is something only where something was called.
      if (!known.length || answer.rows.every((row) => row.calls === 0 || row.records === 0)) {
        return "Nothing in this window.";
      }
      const [column] = panel.columns;
      const unit = lines[0].unit;
      const write = writes(column, unit);
      const middles = starts.map((start, index) => (start + ends[index]) / 2);
      const widths = starts.map((start, index) => (ends[index] - start) * 0.92);
      const stacked = panel.show === "bars" && (panel.question === "timeline" || (panel.labels.length > 0 && panel.columns.length === 1 && column.kind === "count"));
      const heights = stacked ? starts.map((_, index) => lines.reduce((sum, { values }) => sum + (values[index] ?? 0), 0)) : known;
      const texts = starts.map((start, index) =>
        [`<b>${span(start, ends[index], zone)}</b>`, ...lines.filter(({ values }) => values[index] !== null).map(({ name, values }) => `${plain(name)} <b>${plain(write(values[index]))}</b>`)].join("<br>"),
      );
      const alone = (/** @type {(number | null)[]} */ values, /** @type {number} */ index) => (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
      await chart.draw(
        (theme) =>
          lines.map(({ name, values, column: of }, index) => {
            const color = (panel.question === "timeline" && theme.levels[of]) || theme.series[index % theme.series.length];
            const common = { name: plain(name), x: middles, y: values, ...(index ? { hoverinfo: "skip" } : { hoverinfo: "text", hovertext: texts }) };
            return panel.show === "bars"
              ? { ...common, type: "bar", marker: { color }, ...(stacked || lines.length === 1 ? { width: widths } : {}) }
              : {
                  ...common,
                  type: "scatter",
                  mode: "lines+markers",
                  line: { color, width: 1.8, dash: index < theme.series.length ? "solid" : "dot" },
                  marker: { size: values.map((_, at) => (alone(values, at) ? 5 : starts.length <= FEW_STEPS ? 3.5 : 0)) },
                };
          }),
        {
          barmode: stacked ? "stack" : "group",
          dragmode: zooms ? "zoom" : false,
          hovermode: "x",
          showlegend: lines.length > 1,
          legend: { itemclick: false, itemdoubleclick: false, traceorder: "normal" },
          xaxis: { ...timeAxis(starts[0], ends[ends.length - 1], zone, chart.element.clientWidth), fixedrange: !zooms },
          yaxis: { fixedrange: true, ...linearAxis(Math.max(...heights), writesShort(column, unit)) },
        },
        summary(lines, starts.length, write),
      );
      table.show(
        ["From", "To", ...lines.map(({ name }) => name)],
        () => starts.map((start, index) => [...span(start, ends[index], zone).split(" – "), ...lines.map(({ values }) => write(values[index]))]),
      );
      if (zooms && !listens) {
        listens = true;
        zoomsWindow(chart.plot);
      }
      return undefined;
    },
    /** @param {import("../../api.js").Answer} answer  What is not shown of it, in words. */
    notes(answer) {
      const { left } = pointsOf(panel, answer);
      const cut = answer.rows.length > 0 && String(answer.rows.length) === panel.parameters.limit && !("starts_unix_ns" in answer);
      return [...otherUnits(answer.rows), left && `${count(left)} more are not drawn`, cut && `only the first ${count(answer.rows.length)} rows are drawn`].filter(Boolean).map(String);
    },
    close: () => chart.close(),
  };
}

/** @param {import("./points.js").Line[]} lines @param {number} steps @param {(value: number | null) => string} write */
function summary(lines, steps, write) {
  const each = lines.map(({ name, values }) => {
    const known = /** @type {number[]} */ (values.filter((value) => value !== null));
    return known.length ? `${name} lies between ${write(Math.min(...known))} and ${write(Math.max(...known))}` : `${name} has no values`;
  });
  return `${each.join("; ")}, in ${count(steps)} steps.`;
}
