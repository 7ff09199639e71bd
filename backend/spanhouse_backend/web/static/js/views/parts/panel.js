/**
 * One part of a page, of a function or a board: a heading, what it shows, and the REST calls behind it.
 *
 * A panel asks by itself: when it is in sight or nearly so, when what it depends on has changed, and when the page is
 * refreshed. What it shows stays until there is something else; what goes wrong is said in it, with a way to try
 * again, and leaves the others alone. Only what concerns the whole page (nobody is signed in, the server is away) is
 * passed on to it.
 */

import { ApiError, ask, calls, Unreachable, urlOf } from "../../api.js";
import { showCalls } from "../../dialogs.js";
import { fill, h } from "../../dom.js";

// What will be scrolled to next is asked for already.
const NEARLY_PX = 300;
const SCOPE = ["since", "until", "service", "name", "filter", "zone"];

/**
 * @typedef {(question: string, parameters: Record<string, string | number | undefined>, how?: {exactTimes?: boolean}) => Promise<import("../../api.js").Answer>} Ask
 * @typedef {{from: string, to: string}} Window  That of the answer at the top of the page, if there is one.
 */

export class Panel {
  /**
   * @param {string} title
   * @param {string} name  Its class.
   * @param {string[]} [own]  What of the page's state it depends on, besides what picks the calls.
   */
  constructor(title, name, own = []) {
    this.title = title;
    this.own = own;
    /** @type {string | undefined} */
    this.key = undefined;
    this.fresh = false;
    /** What is to be asked, and what was last. @type {{state: import("../../state.js").State, signal: AbortSignal, window: Window} | undefined} */
    this.wanted = undefined;
    this.last = this.wanted;
    /** @type {string[]} */
    this.urls = [];
    this.tools = h("span", { class: "choose" });
    this.body = h("div", { class: "body" });
    this.said = h("div", { class: "said", role: "status" }, "Loading …");
    const rest = h("button", { type: "button", class: "rest", title: "The REST calls behind this", onclick: () => this.showCalls() }, "REST");
    const heading = `heading-${name}`;
    this.element = h(
      "section",
      { class: `part ${name} waiting`, "aria-labelledby": heading },
      h("header", {}, h("h2", { id: heading }, title), this.tools, rest),
      this.body,
      this.said,
    );
    this.watching = new IntersectionObserver(() => this.run().catch((error) => this.showProblem(error)), { rootMargin: `${NEARLY_PX}px` });
    this.watching.observe(this.element);
  }

  /**
   * Asks if there is anything new to ask for and somebody near to see it; otherwise when somebody is.
   * @param {import("../../state.js").State} state
   * @param {AbortSignal} signal
   * @param {Window} window
   * @param {boolean} again  Ask, whether the state is as it was or not.
   */
  async update(state, signal, window, again) {
    const key = JSON.stringify([...SCOPE, ...this.own].map((name) => state[name] ?? ""));
    if (again || key !== this.key || !this.fresh) {
      // What was asked before is pale until the answer is there.
      this.element.classList.toggle("stale", key !== this.key);
      this.key = key;
      this.fresh = false;
      this.wanted = { state, signal, window };
    }
    await this.run();
  }

  async run() {
    if (!this.wanted || this.wanted.signal.aborted || !this.isNear()) {
      return;
    }
    const { state, signal, window } = this.wanted;
    this.last = this.wanted;
    this.wanted = undefined;
    /** @type {string[]} */
    const urls = [];
    /** @type {Ask} */
    const asking = (question, parameters, how) => {
      urls.push(urlOf(question, parameters));
      return ask(question, parameters, { ...how, signal });
    };
    this.element.setAttribute("aria-busy", "true");
    try {
      const problem = await this.load(asking, state, window, signal);
      if (signal.aborted) {
        return;
      }
      this.fresh = true;
      this.say(problem ?? "");
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.showProblem(error);
      if (error instanceof Unreachable || (error instanceof ApiError && error.status === 401)) {
        throw error;
      }
    } finally {
      this.urls = urls;
      if (!signal.aborted) {
        this.element.removeAttribute("aria-busy");
      }
    }
  }

  /**
   * Asks and draws.
   * @param {Ask} _ask
   * @param {import("../../state.js").State} _state
   * @param {Window} _window
   * @param {AbortSignal} _signal  Nothing is to be drawn once it is aborted.
   * @returns {Promise<string | Node | void>} what to say in the place of numbers, when there are none
   */
  async load(_ask, _state, _window, _signal) {
    throw new Error("a panel has to load something");
  }

  /** Lets go of what would stay otherwise. */
  close() {
    this.watching.disconnect();
  }

  /** @param {string | Node} message  In the place of what is shown; "" to show it. */
  say(message) {
    this.element.classList.remove("waiting");
    this.element.classList.remove("stale");
    this.body.hidden = message !== "";
    this.said.hidden = message === "";
    fill(this.said, message);
  }

  /** @param {unknown} error */
  showProblem(error) {
    if (!(error instanceof ApiError || error instanceof Unreachable)) {
      console.error(error);
    }
    const retry = () => {
      this.wanted = this.last;
      this.run().catch(() => {}); // it is shown
    };
    this.say(
      h("p", { class: "error" }, error instanceof Error ? error.message : String(error), " ", h("button", { type: "button", onclick: retry }, "Try again")),
    );
  }

  isNear() {
    const { top, bottom } = this.element.getBoundingClientRect();
    return top < innerHeight + NEARLY_PX && bottom > -NEARLY_PX;
  }

  showCalls() {
    showCalls(
      `REST calls behind “${this.title}”`,
      calls().filter(({ url }) => this.urls.includes(url)),
    );
  }
}
