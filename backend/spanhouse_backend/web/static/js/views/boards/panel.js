/** One panel of a board: asks what it was given to ask, and draws the answer as it was told to. */

import { ApiError } from "../../api.js";
import { fill, h } from "../../dom.js";
import { windowInWords } from "../../time.js";
import { Panel } from "../parts/panel.js";
import { asked, fullerHref, ownWindow } from "./asked.js";
import { numberOf } from "./number.js";
import { overTime } from "./over-time.js";
import { rowsTable } from "./rows.js";
import { sideBySide } from "./side-by-side.js";

export class BoardPanel extends Panel {
  /**
   * @param {import("./values.js").PanelDocument} panel
   * @param {number} index
   * @param {import("./turns.js").Turns} turns
   */
  constructor(panel, index, turns) {
    super(panel.title, `board-panel-${index}`);
    this.panel = panel;
    this.turns = turns;
    this.element.classList.add("board-panel", `show-${panel.show}`);
    this.more = h("a", { class: "more" }, "More");
    this.window = h("small", {});
    this.notes = h("p", { class: "hint" });
    this.tools.append(this.window, this.more);
    this.drawing = drawingOf(panel);
    this.body.append(...this.drawing.elements, this.notes);
    /** What is drawn. @type {{answer: import("../../api.js").Answer, zone: string} | undefined} */
    this.drawn = undefined;
    /** What the server said no to of what the page says, and not the panel. @type {ApiError | undefined} */
    this.refused = undefined;
    /** What was answered, if it is of the page's window. @type {import("../../views.js").Shown | undefined} */
    this.answered = undefined;
  }

  /** @type {Panel["load"]} */
  async load(ask, state, _window, signal) {
    const { panel } = this;
    this.refused = undefined;
    const href = fullerHref(panel, state);
    this.more.hidden = !href;
    this.more.setAttribute("href", href || "?");
    this.more.setAttribute("aria-label", `More of ${panel.title}`);
    this.showScope(state);
    let answer;
    try {
      answer = await this.turns.run(() => ask(panel.question, asked(panel, state)), signal);
    } catch (error) {
      const of = error instanceof ApiError ? (error.parameter ?? "") : "";
      if (panel.page.includes(of) && state[of]) {
        this.refused = /** @type {ApiError} */ (error);
      }
      throw error;
    }
    signal.throwIfAborted();
    this.answered = panel.page.includes("since") ? answer : undefined;
    if (answer === this.drawn?.answer && state.zone === this.drawn.zone) {
      return undefined;
    }
    // Shown first: what is hidden has no width to draw in.
    this.say("");
    const instead = answer.rows.length ? await this.drawing.show(answer, state.zone) : "Nothing in this window.";
    this.drawn = instead ? undefined : { answer, zone: state.zone };
    this.notes.textContent = [...answer.notes, ...(instead ? [] : this.drawing.notes(answer))].join("; ");
    return instead;
  }

  /** How what it shows differs from what the page says. @param {import("../../state.js").State} state */
  showScope(state) {
    const own = ownWindow(this.panel);
    fill(
      this.window,
      [
        "since" in own && windowInWords({ ...state, ...own }),
        state.filter && !this.panel.page.includes("filter") && "without the page's filter",
      ]
        .filter(Boolean)
        .join(", "),
    );
  }

  close() {
    super.close();
    this.drawing.close();
  }
}

/**
 * @param {import("./values.js").PanelDocument} panel
 * @returns {{elements: HTMLElement[], show: (answer: import("../../api.js").Answer, zone: string) => Promise<string | void>, notes: (answer: import("../../api.js").Answer) => string[], close: () => void}}
 */
function drawingOf(panel) {
  if (panel.show === "lines" || (panel.show === "bars" && panel.time)) {
    return overTime(panel);
  }
  if (panel.show === "bars") {
    return sideBySide(panel);
  }
  const none = { notes: () => [], close: () => {} };
  if (panel.show === "table") {
    const table = rowsTable(panel, ownWindow(panel));
    return { ...none, elements: [table.element], show: async ({ rows }, zone) => table.show(rows, zone) };
  }
  const place = h("div", {});
  return {
    ...none,
    elements: [place],
    async show(answer) {
      const shown = numberOf(panel, answer);
      fill(place, shown);
      return shown ? undefined : "Nothing in this window.";
    },
  };
}
