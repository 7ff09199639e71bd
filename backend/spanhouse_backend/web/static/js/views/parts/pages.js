/** From page to page of an answer, by the API's cursor, which the URL has as `page`. */

import { h } from "../../dom.js";
import { link } from "../../state.js";

export class Pages {
  constructor() {
    this.first = h("a", { class: "button" });
    this.next = h("a", { class: "button", rel: "next" });
    this.element = h("p", { class: "actions" }, this.first, this.next);
  }

  /** @param {import("../../state.js").State} state @param {string} next  The answer's. @param {boolean} oldestFirst */
  show(state, next, oldestFirst) {
    this.first.hidden = !state.page;
    this.first.textContent = oldestFirst ? "Oldest" : "Newest";
    this.first.setAttribute("href", link({ page: "" }));
    this.next.hidden = !next;
    this.next.textContent = oldestFirst ? "Newer" : "Older";
    this.next.setAttribute("href", link({ page: next }));
  }
}
