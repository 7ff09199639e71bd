/** Windows over the page: the keys, the REST calls behind what is shown, and a text to take along. */

import { calls } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { bindings } from "./keyboard.js";

/** What there is to press. */
export function showHelp() {
  const keys = (/** @type {string} */ text) => text.split(" ").map((key) => [h("kbd", {}, key), " "]);
  open(
    "Keys",
    h("dl", { class: "keys" }, bindings().map(([text, does]) => [h("dt", {}, keys(text)), h("dd", {}, does)])),
    h("p", {}, "In a table, the arrow keys, Page Up and Down, Home and End walk the rows; Enter opens one."),
  );
}

/**
 * The questions that this view asked, or a part of it, to be asked by others.
 * @param {string} [title]
 * @param {import("./api.js").Call[]} [made]
 */
export function showCalls(title = "REST calls behind this view", made = calls()) {
  open(
    title,
    made.length === 0 && h("p", {}, "None so far."),
    h("ol", { class: "calls" }, made.map(callLine)),
    h("p", {}, "All of the API: ", h("a", { href: "/docs" }, "/docs"), "."),
  );
}

/** A text to be copied. @param {string} title @param {Node} about @param {string} text */
export function showText(title, about, text) {
  open(title, about, h("pre", { class: "code", tabindex: 0, "aria-label": "Text" }, text), h("p", { class: "actions" }, copyButton("Copy", text)));
}

/** @param {import("./api.js").Call} call */
function callLine({ url, status, milliseconds, rows }) {
  const absolute = location.origin + url;
  const outcome = status ? `${status}, ${count(rows)} rows, ${Math.round(milliseconds)} ms` : "no answer";
  return h(
    "li",
    {},
    h("code", { class: "url" }, absolute),
    h(
      "span",
      { class: "actions" },
      h("small", {}, outcome),
      copyButton("Copy URL", absolute),
      copyButton("Copy curl", `curl -s --compressed '${absolute.replaceAll("'", "%27")}'`),
    ),
  );
}

/** @param {string} label @param {string} text */
function copyButton(label, text) {
  const button = h("button", { type: "button", onclick: copy }, label);
  async function copy() {
    // Without TLS, browsers let pages of this machine write to the clipboard and no others.
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Select it above";
  }
  return button;
}

/** @param {string} title @param {...import("./dom.js").Child} content */
function open(title, ...content) {
  const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×");
  const dialog = h("dialog", { "aria-label": title }, h("header", {}, h("h2", {}, title), close), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  // A click beside it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
