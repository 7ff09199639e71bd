/** A bar for each row, beside its name, the first one on top. */

import { Chart, plain } from "../../chart.js";
import { cut } from "../../function-link.js";
import { asTable } from "../parts/data-table.js";
import { linearAxis } from "../parts/linear-axis.js";
import { inOneUnit, labelOf, otherUnits, valueOf, writes, writesShort } from "./values.js";

const TICK_CHARACTERS = 28;

/** @param {import("./values.js").PanelDocument} panel */
export function sideBySide(panel) {
  const chart = new Chart(panel.title);
  const table = asTable(`${panel.title}, as a table`);
  return {
    elements: [chart.element, table.element],
    /** @param {import("../../api.js").Answer} answer @returns {Promise<string | void>} what to say in its place */
    async show(answer) {
      const rows = inOneUnit(answer.rows);
      const known = rows.flatMap((row) => panel.columns.map((column) => valueOf(row, column)).filter((value) => value !== null));
      if (!known.length) {
        return "Nothing in this window.";
      }
      const [column] = panel.columns;
      const unit = rows[0].unit ?? "";
      const write = writes(column, unit);
      const labels = rows.map((row) => cut(labelOf(row, panel.labels)) || "all");
      const places = rows.map((_, index) => index);
      const axis = linearAxis(Math.max(...known), writesShort(column, unit));
      await chart.draw(
        (theme) =>
          panel.columns.map((one, index) => ({
            type: "bar",
            orientation: "h",
            name: plain(one.name),
            y: places,
            x: rows.map((row) => valueOf(row, one)),
            marker: { color: theme.series[index % theme.series.length] },
            hoverinfo: "text",
            hovertext: rows.map((row, at) => `${plain(labels[at])}<br>${plain(one.name)} <b>${plain(write(valueOf(row, one)))}</b>`),
          })),
        {
          barmode: "group",
          dragmode: false,
          showlegend: panel.columns.length > 1,
          legend: { itemclick: false, itemdoubleclick: false, traceorder: "normal" },
          xaxis: { fixedrange: true, ...axis },
          yaxis: { fixedrange: true, range: [rows.length - 0.5, -0.5], tickmode: "array", tickvals: places, ticktext: labels.map((label) => plain(short(label))), showgrid: false },
        },
        `${labels.map((label, index) => `${label}: ${panel.columns.map((one) => `${one.name} ${write(valueOf(rows[index], one))}`).join(", ")}`).join("; ")}.`,
      );
      table.show(["", ...panel.columns.map(({ name }) => name)], () => rows.map((row, index) => [labels[index], ...panel.columns.map((one) => write(valueOf(row, one)))]));
      return undefined;
    },
    /** @param {import("../../api.js").Answer} answer */
    notes: ({ rows }) => otherUnits(rows),
    close: () => chart.close(),
  };
}

/** The end of a name is what tells it from others. @param {string} label */
function short(label) {
  return label.length > TICK_CHARACTERS ? `…${label.slice(1 - TICK_CHARACTERS)}` : label;
}
