/**
 * One function: how it went, how its durations are distributed, what is slow about the slow ones, what fails, who calls
 * it and what it calls, and how it was at other times. In the URL: `name`, `box` (function/box.js), and what the panels
 * keep for themselves (function/*.js).
 */

import { forgetCalls } from "../api.js";
import { fill, h } from "../dom.js";
import { cut } from "../function-link.js";
import { link } from "../state.js";
import { loading, nothing } from "../states.js";
import { BoxCalls } from "./function/box-calls.js";
import { Compare } from "./function/compare.js";
import { Distribution } from "./function/distribution.js";
import { Errors } from "./function/errors.js";
import { Head } from "./function/head.js";
import { Heatmap } from "./function/heatmap.js";
import { Callees, Callers } from "./function/neighbours.js";
import { OverTime } from "./function/over-time.js";
import { Slowest } from "./function/slowest.js";

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new OneFunction(root);
}

class OneFunction {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.head = new Head();
    this.panels = [
      new OverTime(),
      new Heatmap(),
      new BoxCalls(),
      new Distribution(),
      new Compare(),
      new Slowest(),
      new Errors(),
      new Callers(),
      new Callees(),
    ];
    this.content = h("div", { class: "content" }, this.head.element, h("div", { class: "parts" }, this.panels.map(({ element }) => element)));
    /** What was shown last: asked for once more, it is a refresh. */
    this.shown = "";
    this.scope = "";
    fill(root, loading());
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal @returns {Promise<import("../views.js").Shown | void>} */
  async update(state, signal) {
    if (!state.name) {
      fill(this.root, nameless());
      return undefined;
    }
    document.title = `${cut(state.name)} · spanhouse`;
    const { since, until, service, name, filter, zone } = state;
    const scope = JSON.stringify([since, until, service, name, filter, zone]);
    if (scope !== this.scope) {
      this.scope = scope;
      forgetCalls();
    }
    const answer = await this.head.update(state, signal);
    if (!answer.rows.length) {
      this.shown = "";
      if (await nothing(this.root, state, signal)) {
        return this.update(state, signal);
      }
      return answer;
    }
    signal.throwIfAborted();
    if (!this.content.isConnected) {
      fill(this.root, this.content);
    }
    const again = JSON.stringify(state) === this.shown;
    await Promise.all([this.head.compare(state, signal, answer), ...this.panels.map((panel) => panel.update(state, signal, answer, again))]);
    this.shown = JSON.stringify(state);
    return answer;
  }

  close() {
    this.panels.forEach((panel) => panel.close());
  }
}

function nameless() {
  return h("section", { class: "state" }, h("h1", {}, "Which function?"), h("p", {}, "The address names none. ", h("a", { href: link({ view: "functions" }) }, "Choose one"), "."));
}
