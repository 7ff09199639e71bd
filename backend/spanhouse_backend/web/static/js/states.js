/**
 * What a view shows when it has nothing to show, each time with what to do next: while it waits, when a window or a
 * filter has no calls in it, and when the server has no spans at all.
 */

import { ask } from "./api.js";
import { fill, h } from "./dom.js";
import { link } from "./state.js";
import { windowInWords } from "./time.js";

const LOOK_AGAIN_MS = 2000;

/** @returns {HTMLElement} */
export function loading() {
  return h("p", { class: "state loading", role: "status" }, "Loading …");
}

/**
 * What a view is of, for when there is none of it.
 * @typedef {object} Kind
 * @property {(signal: AbortSignal) => Promise<boolean>} some  Whether any is stored.
 * @property {() => HTMLElement} first  How to send the first.
 * @property {string} heading
 * @property {string} happened  "nothing was called"
 * @property {string[]} narrowing  What of the page's state picks some of them.
 */

/** @type {Kind} */
const CALLS = {
  some: async (signal) => (await ask("services", { limit: 1 }, { signal })).rows.length > 0,
  first: firstSpan,
  heading: "No calls here",
  happened: "nothing was called",
  narrowing: ["filter", "service"],
};

/**
 * In the place of a view's content when its answer has no rows: tells apart a server without spans, of which it waits
 * for the first, and a question that finds none.
 * @param {Element} root
 * @param {import("./state.js").State} state
 * @param {AbortSignal} signal
 * @param {Kind} [kind]  Of what it is, if not of spans.
 * @returns {Promise<boolean>} whether some have come meanwhile, and it is worth asking again
 */
export async function nothing(root, state, signal, kind = CALLS) {
  if (await kind.some(signal)) {
    fill(root, nothingFound(state, kind));
    return false;
  }
  fill(root, kind.first());
  while (!(await kind.some(signal))) {
    await seenAgain(signal);
  }
  return true;
}

/** @param {import("./state.js").State} state @param {Kind} kind */
function nothingFound(state, { heading, happened, narrowing }) {
  const narrowed = narrowing.some((name) => state[name]);
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, heading),
    h("p", {}, `${windowInWords(state)}: ${happened}${narrowed ? " that matches" : ""}.`),
    h(
      "p",
      { class: "actions" },
      narrowed && h("a", { class: "button", href: link(Object.fromEntries(narrowing.map((name) => [name, ""]))) }, "Without filter"),
      ["24h", "7d", ""].map((since) =>
        h("a", { class: "button", href: link({ since, until: "" }) }, windowInWords({ ...state, since, until: "" })),
      ),
    ),
  );
}

/** Two lines of Python, with this server's own address, and the way for everything else. */
function firstSpan() {
  const address = `${location.protocol}//${location.hostname}:${document.documentElement.dataset.grpcPort}`;
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, "Waiting for a first span"),
    h("p", {}, "Time a Python function, ", h("code", {}, "pip install spanhouse"), ", with two lines:"),
    h(
      "pre",
      { class: "code", tabindex: 0, "aria-label": "Python" },
      h("mark", {}, `import spanhouse; spanhouse.configure(endpoint="${address}")\n`),
      "\n",
      h("mark", {}, "@spanhouse.capture\n"),
      "def work():\n    return sum(range(1_000_000))\n\nwork()\n",
    ),
    h("p", {}, "or point any OpenTelemetry service here, in whatever language:"),
    h(
      "pre",
      { class: "code", tabindex: 0, "aria-label": "Environment" },
      `OTEL_EXPORTER_OTLP_ENDPOINT=${address} OTEL_EXPORTER_OTLP_PROTOCOL=grpc your-service\n`,
    ),
    h("p", { class: "loading" }, "This page goes on by itself when it arrives."),
  );
}

/** After a moment, and not before somebody looks. @param {AbortSignal} signal @returns {Promise<void>} */
function seenAgain(signal) {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => !document.hidden && end(resolve), LOOK_AGAIN_MS);
    const end = (/** @type {(reason?: any) => void} */ how) => {
      clearInterval(timer);
      how(signal.reason);
    };
    signal.addEventListener("abort", () => end(reject));
  });
}
