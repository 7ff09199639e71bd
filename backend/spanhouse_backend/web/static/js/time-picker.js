/**
 * The window of time and the zone: a button that says which, and a panel to choose from or write into. What is written
 * is taken as it is, in any form that the API knows; what it refuses is said under the field.
 */

import { fill, h } from "./dom.js";
import { change, link } from "./state.js";
import { clock, inZone, RECENT, windowInWords, zoneName, zones } from "./time.js";

export class TimePicker {
  constructor() {
    this.label = h("span");
    this.button = h("button", { type: "button", class: "picker", "aria-haspopup": "dialog", popovertarget: "time" }, this.label);
    this.since = h("input", { name: "since", autocomplete: "off", spellcheck: "false", placeholder: "everything" });
    this.until = h("input", { name: "until", autocomplete: "off", spellcheck: "false", placeholder: "now" });
    this.zone = h("input", { name: "zone", list: "zones", autocomplete: "off", spellcheck: "false" });
    this.problem = h("p", { class: "error", role: "alert" });
    this.answered = h("p", { class: "hint" });
    this.zones = h("datalist", { id: "zones" });
    this.recent = h("ul", { class: "choices" });
    const take = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.take();
    };
    this.panel = h(
      "div",
      { id: "time", class: "panel", popover: "auto", role: "dialog", "aria-label": "Window of time" },
      this.recent,
      h(
        "form",
        { onsubmit: take },
        h("label", {}, "From", this.since),
        h("label", {}, "To", this.until),
        h("p", { class: "hint" }, "1h30m, 2026-01-31 09:30, a Unix time; or a whole window: 2026-01-31 09:30±5m, ..+1h"),
        h("label", {}, "Time zone", this.zone),
        this.zones,
        this.problem,
        h("button", { class: "primary" }, "Apply"),
        this.answered,
      ),
    );
    this.panel.addEventListener("toggle", (event) => this.toggled(/** @type {ToggleEvent} */ (event).newState === "open"));
    this.element = h("div", { class: "time" }, this.button, this.panel);
    this.state = /** @type {import("./state.js").State} */ ({});
  }

  open() {
    this.panel.showPopover();
  }

  /** @param {import("./state.js").State} state */
  update(state) {
    this.state = state;
    this.label.textContent = windowInWords(state);
    this.button.title = `${windowInWords(state)}, ${zoneName(state.zone)}`;
    this.problem.textContent = "";
    [this.since.value, this.until.value, this.zone.value] = [state.since, state.until, zoneName(state.zone)];
    fill(
      this.recent,
      RECENT.map(([since, label]) => {
        const here = since === state.since && !state.until;
        const close = () => this.panel.hidePopover();
        return h("li", {}, h("a", { href: link({ since, until: "" }), "aria-current": here && "true", onclick: close }, label));
      }),
    );
  }

  /** Says which window the numbers are of. @param {{from: string, to: string}} answer */
  showAnswered({ from, to }) {
    const [begin, end] = [from, to].map((moment) => clock(moment, this.state.zone));
    this.answered.textContent = `Shown: ${from.startsWith("1970") ? "everything" : begin} – ${end}`;
  }

  /** @param {import("./api.js").ApiError} error  About since or until. */
  showProblem(error) {
    this.open();
    this.problem.textContent = error.message;
    (error.parameter === "until" ? this.until : this.since).focus();
  }

  take() {
    const zone = this.zone.value.trim();
    const browsers = zoneName("");
    try {
      // Throws for what is no zone.
      new Intl.DateTimeFormat("en", { timeZone: zone || undefined });
    } catch {
      this.problem.textContent = `${zone} is not a time zone's name, such as Europe/Berlin or UTC.`;
      return;
    }
    this.panel.hidePopover();
    change({
      since: inZone(this.since.value, zone),
      until: inZone(this.until.value, zone),
      zone: zone === browsers ? "" : zone,
    });
  }

  /** @param {boolean} open */
  toggled(open) {
    if (!open) {
      return;
    }
    if (!this.zones.childElementCount) {
      fill(this.zones, zones().map((zone) => h("option", { value: zone })));
    }
    const { bottom, right } = this.button.getBoundingClientRect();
    const { offsetWidth } = this.panel;
    this.panel.style.top = `${bottom + 4}px`;
    this.panel.style.left = `${Math.max(8, Math.min(right, document.documentElement.clientWidth - 8) - offsetWidth)}px`;
  }
}
