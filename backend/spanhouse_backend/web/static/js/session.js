/**
 * For servers that want a token: what is shown when the API answers 401, until somebody has signed in.
 */

import { fill, h } from "./dom.js";

/**
 * Asks for a token in `root`; returns when the server has taken one, and what was refused may be asked again.
 * @param {Element} root
 * @param {import("./api.js").ApiError} refusal
 * @returns {Promise<void>}
 */
export async function signIn(root, refusal) {
  await new Promise((resolve) => {
    fill(
      root,
      h(
        "section",
        { class: "state" },
        h("h1", {}, "This server wants a token"),
        h("p", {}, refusal.message),
        h("button", { type: "button", class: "primary", onclick: resolve }, "Try again"),
      ),
    );
  });
}
