/** The calls in the box of the heatmap: what they have that the others do not, and each of them. */

import { fill, h } from "../../dom.js";
import { filterWith } from "../../filter-box.js";
import { count, percent, times } from "../../format.js";
import { change, link } from "../../state.js";
import { Table } from "../../table.js";
import { boxOf, impactOf, inWords, problemOf, spansInside } from "./box.js";
import { bar } from "../parts/data-table.js";
import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";
import { spansTable } from "./spans-table.js";

const VALUES = 30;
const PAGE = 100;

export class BoxCalls extends Panel {
  constructor() {
    super("Calls in the box", "box-calls", ["box"]);
    this.tools.append(h("button", { type: "button", onclick: () => change({ box: "" }) }, "Clear the box"));
    this.which = h("p", {});
    this.values = new Table({ label: "Attributes of these calls", columns: columns(), keyOf: ({ name, value }) => `${name}\0${value}`, onSort: () => {} });
    this.noValues = h("p", { class: "hint" }, "No attribute is more frequent among these calls than among the others.");
    this.spans = spansTable("Calls in the box");
    this.shown = h("span", { class: "shown" });
    this.more = h("button", { type: "button" }, "More");
    this.body.append(
      this.which,
      h(
        "div",
        { class: "halves" },
        h("div", {}, h("h3", {}, "More frequent here than among other calls"), this.values.element, this.noValues),
        h("div", {}, h("h3", {}, "The calls, the newest first"), this.spans.element, h("p", { class: "actions" }, this.shown, this.more)),
      ),
    );
  }

  /** @type {Panel["update"]} */
  async update(state, signal, window, again) {
    this.element.hidden = !boxOf(state);
    await super.update(state, signal, window, again);
  }

  /** @type {Panel["load"]} */
  async load(ask, state, window, signal) {
    const box = boxOf(state);
    if (!box) {
      return undefined;
    }
    const problem = problemOf(box);
    if (problem) {
      return problem;
    }
    const asked = /** @type {Record<string, string>} */ (ofFunction(state));
    const inside = { ...spansInside(box, asked), limit: PAGE };
    const [impact, first] = await Promise.all([
      ask("attribute_impact", { ...impactOf(box, asked, window), limit: VALUES }),
      ask("spans", inside, { exactTimes: true }),
    ]);
    signal.throwIfAborted();
    fill(this.which, h("strong", {}, `${count(impact.inside_calls)} of ${count(impact.calls)} calls`), `: ${inWords(box, state.zone)}`);
    this.values.show(impact.rows, { key: "", descending: true });
    this.values.element.hidden = !impact.rows.length;
    this.noValues.hidden = impact.rows.length > 0;
    this.showSpans(first, first.rows, impact.inside_calls, (cursor) => ask("spans", { ...inside, cursor }, { exactTimes: true }), state.zone);
    return impact.inside_calls ? undefined : `No calls in the box: ${inWords(box, state.zone)}.`;
  }

  /**
   * @param {import("../../api.js").Answer} answer  The last one.
   * @param {import("../../api.js").Row[]} rows  Of all of them.
   * @param {number} all
   * @param {(cursor: string) => Promise<import("../../api.js").Answer>} goOn
   * @param {string} zone
   */
  showSpans(answer, rows, all, goOn, zone) {
    this.spans.show(rows, zone);
    this.shown.textContent = `${count(rows.length)} of ${count(Math.max(all, rows.length))} shown`;
    const more = h(
      "button",
      {
        type: "button",
        hidden: !answer.next,
        onclick: async () => {
          more.disabled = true;
          try {
            const next = await goOn(answer.next);
            this.showSpans(next, [...rows, ...next.rows], all, goOn, zone);
          } catch (error) {
            if (!(error instanceof DOMException)) {
              this.shown.textContent = error instanceof Error ? error.message : String(error);
              more.disabled = false;
            }
          }
        },
      },
      "More",
    );
    this.more.replaceWith(more);
    this.more = more;
  }
}

/** @returns {import("../../table.js").Column<import("../../api.js").Row>[]} */
function columns() {
  return [
    { key: "value", title: "Attribute", width: "auto", cell: valueLink },
    { key: "inside", title: "in the box", width: "7em", numeric: true, cell: (row) => bar(row.inside_share, percent(row.inside_share)) },
    { key: "outside", title: "elsewhere", width: "7em", numeric: true, cell: (row) => bar(row.outside_share, percent(row.outside_share)) },
    { key: "lift", title: "lift", hint: "How many times as often as among all calls", width: "4.5em", numeric: true, cell: (row) => times(row.lift) },
  ];
}

/** To the calls that have it. @param {import("../../api.js").Row} row */
function valueLink({ name, value }) {
  const filter = filterWith(name, value);
  return h("a", { href: filter ? link({ filter }) : null, title: filter ? `Filter: ${filter}` : null, dir: "auto" }, `${name} = ${value}`);
}
