/**
 * Who somebody is here (docs/access.md): the form that is shown when the API answers 401, and the way out.
 *
 * The token is sent once and kept nowhere: not in the URL, not in the browser's storage, not in a variable of this
 * module. What the browser keeps is a cookie that no script can read.
 */

import { fill, h } from "./dom.js";

const URL = "/api/v1/session";
const TO_LOOK = ["read", "admin"];

/** @typedef {{needed: boolean, name: string, roles: string[]}} Session  "" is nobody; `needed` says that there are tokens. */

/** What the bar shows of it. */
const account = h("span", { class: "account" });
/** @type {Promise<Session> | undefined} */
let known;

/** Who one is, asked for once; nobody when that cannot be found out. @returns {Promise<Session>} */
export function whoami() {
  known ??= said("GET").catch(() => ({ needed: false, name: "", roles: [] }));
  return known;
}

/** Whether one has any of these roles, or there are none to have. @param {Session} session @param {string[]} roles */
export function may(session, roles) {
  return !session.needed || session.roles.some((role) => roles.includes(role));
}

/** For the bar: the way to sign out, which names the token; empty where nobody has to sign in. */
export function accountElement() {
  whoami().then(showAccount);
  return account;
}

/**
 * Asks for a token in `root`; returns when the server has taken one, and what was refused may be asked again.
 * @param {Element} root
 * @param {import("./api.js").ApiError} refusal
 * @returns {Promise<void>}
 */
export async function signIn(root, refusal) {
  await new Promise((/** @type {(nothing?: void) => void} */ resolve) => {
    const token = h("input", {
      type: "password",
      id: "token",
      name: "token",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      required: true,
      "aria-describedby": "sign-in-problem",
    });
    const button = h("button", { class: "primary" }, "Sign in");
    const problem = h("p", { id: "sign-in-problem", class: "error", role: "alert" });
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      button.disabled = true;
      fill(problem);
      try {
        const session = await said("POST", { token: token.value });
        known = Promise.resolve(session);
        showAccount(session);
        if (may(session, TO_LOOK)) {
          resolve();
          return;
        }
        problem.textContent = `The token ${session.name} is for ${session.roles.join(", ")}: the dashboard needs the role read.`;
      } catch (error) {
        problem.textContent = error instanceof Error ? error.message : String(error);
      }
      button.disabled = false;
      token.value = "";
      token.focus();
    };
    const over = refusal.message.includes("session is over");
    fill(
      root,
      h(
        "section",
        { class: "state sign-in" },
        h("h1", {}, "Sign in"),
        h("p", {}, over ? "The session is over. Show your token again." : "This server wants a token with the role read."),
        h("form", { onsubmit: submit }, h("label", { for: "token" }, "Token"), h("div", { class: "actions" }, token, button), problem),
        h("p", { class: "hint" }, "Whoever runs the server makes one: ", h("code", {}, "spanhouse token add NAME --role read --file tokens")),
      ),
    );
    token.focus();
  });
}

/** @param {Session} session */
function showAccount({ needed, name }) {
  if (!needed || !name) {
    fill(account);
    return;
  }
  const leave = async () => {
    known = said("DELETE");
    await known.catch(() => undefined);
    location.reload();
  };
  fill(account, h("button", { type: "button", title: `Signed in with the token ${name}`, onclick: leave }, "Sign out"));
}

/**
 * @param {string} method
 * @param {object} [body]
 * @returns {Promise<Session>}
 */
async function said(method, body) {
  const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  let response;
  try {
    response = await fetch(URL, { method, ...sent });
  } catch {
    throw new Error(`The server at ${location.origin} does not answer.`);
  }
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(`${answer.error.message[0].toUpperCase()}${answer.error.message.slice(1)}.`);
  }
  return answer;
}
