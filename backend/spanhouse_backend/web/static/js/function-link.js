/** Names of functions as they are shown, and the way to a function's own page. */

import { h } from "./dom.js";
import { link } from "./state.js";

const SHOWN_NAME_CHARACTERS = 300;
// The API's parameter `name` takes no longer ones.
const LONGEST_ASKABLE_NAME = 1024;

/**
 * Where a function's page is, in the window and with the filter of this one; false for names too long to ask for.
 * @param {{service: string, name: string}} row
 */
export function functionHref({ service, name }) {
  return name.length <= LONGEST_ASKABLE_NAME && link({ view: "function", service, name, box: "" });
}

/** @param {{service: string, name: string}} row */
export function functionLink({ service, name }) {
  return h("a", { href: functionHref({ service, name }), title: name, dir: "auto" }, cut(name) || "(no name)");
}

/** A name of a length that a page can bear. @param {string} name */
export function cut(name) {
  return name.length > SHOWN_NAME_CHARACTERS ? `${name.slice(0, SHOWN_NAME_CHARACTERS)}…` : name;
}
