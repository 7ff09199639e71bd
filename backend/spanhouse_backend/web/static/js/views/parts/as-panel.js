/**
 * What is shown as a panel of a board, in the YAML of its file (docs/boards.md): boards are made by editing that, since no
 * browser has the right to.
 */

import { showText } from "../../dialogs.js";
import { h } from "../../dom.js";

const TITLE_CHARACTERS = 150;
// What YAML's readers do not take as it is, beyond what JSON escapes.
const UNREADABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** @param {() => Record<string, string>} fields  The panel's, when somebody asks; those that are "" are left out. */
export function asPanelButton(fields) {
  const show = () =>
    showText(
      "As a panel of a board",
      h("p", {}, "This goes below ", h("code", {}, "panels:"), " in the file that the server has from ", h("code", {}, "serve --boards"), "."),
      panelText(fields()),
    );
  return h("button", { type: "button", title: "The YAML of a panel of a board that shows this", onclick: show }, "As a panel");
}

/** @param {Record<string, string>} fields */
export function panelText(fields) {
  const title = fields.title.slice(0, TITLE_CHARACTERS).replace(/[\p{C}\p{Z}]/gu, " ");
  const lines = Object.entries({ ...fields, title })
    .filter(([, text]) => text)
    .map(([name, text]) => `${name}: ${written(text)}\n`);
  return `      - ${lines.join("        ")}`;
}

/** Plain where that is read as it stands, else as JSON, which YAML takes. @param {string} text */
function written(text) {
  const escaped = (/** @type {string} */ character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return /^[a-z][\w.,]*$/i.test(text) && text !== "null" ? text : JSON.stringify(text).replace(UNREADABLE, escaped);
}
