/** The calls that took longest. */

import { ofFunction } from "./of-function.js";
import { Panel } from "../parts/panel.js";
import { spansTable } from "./spans-table.js";

const LIMIT = 20;

export class Slowest extends Panel {
  constructor() {
    super("Slowest calls", "slowest");
    this.spans = spansTable("Slowest calls");
    this.body.append(this.spans.element);
  }

  /** @type {Panel["load"]} */
  async load(ask, state, _window, signal) {
    const answer = await ask("slowest", { ...ofFunction(state), limit: LIMIT }, { exactTimes: true });
    signal.throwIfAborted();
    this.spans.show(answer.rows, state.zone);
    // Rollups outlive spans, so that there may be calls above and none here.
    return answer.rows.length ? undefined : `No spans of this window are stored. ${answer.notes.join("; ")}`;
  }
}
