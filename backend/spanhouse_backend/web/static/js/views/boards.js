/**
 * Boards: named pages of panels, which the server reads from a file (`spanhouse serve --boards`). Each panel asks by itself;
 * one that fails says why, and leaves the others alone. In the URL: `board`, the name of the one that is shown.
 */

import { ask, forgetCalls } from "../api.js";
import { fill, h } from "../dom.js";
import { count } from "../format.js";
import { change, isSaid, link } from "../state.js";
import { loading } from "../states.js";
import { BoardPanel } from "./boards/panel.js";
import { Turns } from "./boards/turns.js";

/** Of one page; the server answers two at a time, and has others to answer. */
const QUESTIONS_AT_ONCE = 3;

/** @typedef {{name: string, title: string, description: string, since: string, panels: import("./boards/values.js").PanelDocument[]}} Board */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new Boards(root);
}

class Boards {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    /** What is built: the board, and the names of the others. */
    this.built = "";
    /** @type {BoardPanel[]} */
    this.panels = [];
    /** What was shown last: asked for once more, it is a refresh. */
    this.shown = "";
    fill(root, loading());
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal @returns {Promise<import("../views.js").Shown | void>} */
  async update(state, signal) {
    const boards = /** @type {Board[]} */ ((await ask("boards", {}, { signal })).rows);
    const board = boards.find(({ name }) => name === state.board) ?? (boards.length === 1 && !state.board ? boards[0] : undefined);
    if (!board) {
      this.clear();
      document.title = "Boards · spanhouse";
      fill(this.root, boards.length ? listOf(boards, state.board) : none());
      return undefined;
    }
    document.title = `${board.title} · spanhouse`;
    if (board.since && !isSaid("since") && !isSaid("until")) {
      change({ since: board.since }, { replace: true });
      return undefined;
    }
    this.build(board, boards);
    const again = JSON.stringify(state) === this.shown;
    const window = { from: "", to: "" };
    await Promise.all(this.panels.map((panel) => panel.update(state, signal, window, again)));
    const refused = this.panels.find((panel) => panel.refused)?.refused;
    if (refused) {
      throw refused;
    }
    this.shown = JSON.stringify(state);
    return this.panels.find((panel) => panel.answered)?.answered;
  }

  close() {
    this.panels.forEach((panel) => panel.close());
  }

  clear() {
    this.close();
    this.panels = [];
    this.built = "";
  }

  /** Makes the panels, if they are not there as they are to be. @param {Board} board @param {Board[]} boards */
  build(board, boards) {
    const built = JSON.stringify([board, boards.map(({ name, title }) => [name, title])]);
    if (built === this.built) {
      return;
    }
    this.clear();
    forgetCalls();
    this.built = built;
    const turns = new Turns(QUESTIONS_AT_ONCE);
    this.panels = board.panels.map((panel, index) => new BoardPanel(panel, index, turns));
    fill(
      this.root,
      h(
        "div",
        { class: "content" },
        boards.length > 1 && chooser(boards, board),
        h("header", { class: "board-head" }, h("h1", {}, h("bdi", {}, board.title)), board.description && h("p", { class: "about" }, board.description)),
        h("div", { class: "board" }, this.panels.map(({ element }) => element)),
      ),
    );
  }
}

/** Where a board is, with the window it opens with. @param {Board} board */
function hrefOf({ name, since }) {
  return link({ board: name, ...(since ? { since, until: "" } : {}) });
}

/** @param {Board[]} boards @param {Board} shown */
function chooser(boards, shown) {
  return h(
    "nav",
    { class: "board-names", "aria-label": "Boards" },
    boards.map((board) => h("a", { href: hrefOf(board), "aria-current": board === shown && "page" }, h("bdi", {}, board.title))),
  );
}

/** @param {Board[]} boards @param {string} [missing]  The name of one that is not there. */
function listOf(boards, missing) {
  return h(
    "section",
    { class: "state board-list" },
    h("h1", {}, "Boards"),
    missing && h("p", { class: "error", role: "alert" }, "There is no board ", h("bdi", {}, missing.slice(0, 100)), "."),
    h(
      "ul",
      {},
      boards.map((board) =>
        h("li", {}, h("a", { href: hrefOf(board) }, h("bdi", {}, board.title)), ` ${count(board.panels.length)} ${board.panels.length === 1 ? "panel" : "panels"}`, board.description && h("div", { class: "none" }, board.description)),
      ),
    ),
  );
}

function none() {
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, "No boards are kept here"),
    h("p", {}, "A file says which pages there are, and what each panel asks and shows:"),
    h(
      "pre",
      { class: "code", tabindex: 0, "aria-label": "boards.yaml" },
      "boards:\n  - name: overview\n    panels:\n      - title: p99 of all calls\n        question: percentiles\n        show: number\n        value: p99\n        above: 1s\n      - title: How long calls take\n        question: series\n        show: lines\n        levels: p50,p99\n",
    ),
    h("p", {}, "Start the server with it; it is read again when it changes:"),
    h("pre", { class: "code", tabindex: 0, "aria-label": "Shell" }, h("mark", {}, "spanhouse serve --boards boards.yaml\n")),
  );
}
