/** Numbers that stand alone, and how much they changed: the top of a page. */

import { h } from "./dom.js";
import { changeBy } from "./format.js";

/**
 * One number of all calls.
 * @param {string} title
 * @param {import("./dom.js").Child} value
 * @param {import("./dom.js").Child} about
 * @param {import("./dom.js").Child} [change]
 */
export function card(title, value, about, change) {
  return h(
    "article",
    { class: "card" },
    h("h2", {}, title),
    h("p", { class: "value" }, value),
    about && h("div", { class: "about" }, about),
    change,
  );
}

/**
 * A change since the window before.
 * @param {number | undefined} now
 * @param {number} before
 * @param {string} [more]  What kind of news it is when it is more.
 */
export function difference(now, before, more = "") {
  if (!before || now === undefined) {
    return null;
  }
  const ratio = now / before;
  const text = changeBy(ratio);
  const kind = text === "±0%" ? "" : ratio > 1 ? more : more && "better";
  return h("p", { class: `difference ${kind}`, title: "than in the window before, as long as this one" }, `${text} vs. before`);
}
