/**
 * The top of the page of a function: what it is, its most important numbers, and whether it is as it was in the window
 * before. What it answers is the window that the panels below are about.
 */

import { ApiError, ask } from "../../api.js";
import { card, difference } from "../../cards.js";
import { fill, h } from "../../dom.js";
import { count, duration, percent, rate, short } from "../../format.js";
import { link } from "../../state.js";
import { windowBefore } from "../../time.js";
import { ofFunction } from "./of-function.js";
import { headline, kindOfNews, lengthInWords, pValue, reasons } from "./verdict.js";

const LEVELS = "p50,p99,p100";
const SHOWN_GROUPS = 20;

export class Head {
  constructor() {
    this.title = h("h1", { class: "function-name" });
    this.about = h("p", { class: "about" });
    this.cards = h("section", { class: "cards", "aria-label": "All calls" });
    this.since = h("p", { class: "since", role: "status" });
    this.notes = h("p", { class: "hint" });
    this.element = h("header", { class: "function-head" }, this.title, this.about, this.since, this.cards, this.notes);
  }

  /**
   * Shows the function and its numbers.
   * @param {import("../../state.js").State} state
   * @param {AbortSignal} signal
   * @returns {Promise<import("../../api.js").Answer>} without rows when it was not called
   */
  async update(state, signal) {
    const asked = ofFunction(state);
    const [answer, groups] = await Promise.all([
      ask("percentiles", { ...asked, group: "none", levels: LEVELS, limit: 1 }, { signal }),
      ask("percentiles", { ...asked, group: "service,kind", levels: "p50", limit: SHOWN_GROUPS }, { signal }),
    ]);
    fill(this.title, h("bdi", {}, state.name));
    fill(this.about, kinds(groups.rows));
    fill(this.notes, answer.notes.join("; "));
    const [now] = answer.rows;
    if (now) {
      this.showCards(answer, now);
    }
    return answer;
  }

  /**
   * Says how it was before. Where that cannot be told it says why: the numbers stand without.
   * @param {import("../../state.js").State} state
   * @param {AbortSignal} signal
   * @param {import("../../api.js").Answer} answer
   */
  async compare(state, signal, answer) {
    const before = windowBefore(answer);
    const [now] = answer.rows;
    if (!before) {
      fill(this.since);
      return;
    }
    const { service, name, filter } = ofFunction(state);
    const [since, until] = before.baseline.split("..");
    const length = lengthInWords(before.seconds);
    let then;
    let compared;
    try {
      [then, compared] = await Promise.all([
        ask("percentiles", { since, until, service, name, filter, group: "none", levels: LEVELS, limit: 1 }, { signal }),
        ask("compare", { baseline: before.baseline, candidate: before.candidate, service, name, filter, limit: 10 }, { signal }),
      ]);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401) {
        throw error;
      }
      fill(this.since, `It could not be compared with the ${length} before: ${error.message}`);
      return;
    }
    const several = compared.rows.length > 1;
    const row = several ? undefined : compared.rows[0];
    this.showCards(answer, now, then.rows[0], row);
    if (several) {
      fill(this.since, `${count(compared.rows.length)} services have a function of this name: choose one above to see since when it is as it is.`);
      return;
    }
    if (!row) {
      fill(this.since, `New: it was not called in the ${length} before.`);
      return;
    }
    const why = reasons(row).join("; ");
    const same = row.verdict === "same" && row.errors === "same";
    fill(
      this.since,
      h("strong", { class: kindOfNews(row) }, headline(row)),
      same ? ` from the ${length} before.` : ` compared with the ${length} before: ${why}`,
      same || row.verdict === "too_little_data" ? "" : h("small", {}, ` (${pValue(Math.min(row.p_value, row.errors_p_value))})`),
    );
  }

  /**
   * @param {{from: string, to: string}} answer
   * @param {import("../../api.js").Row} now
   * @param {import("../../api.js").Row} [then]
   * @param {import("../../api.js").Row} [compared]  What is more than chance between the two.
   */
  showCards(answer, now, then, compared) {
    const speed = compared && ["slower", "faster"].includes(compared.verdict) ? "worse" : "";
    const failing = compared && ["more", "fewer"].includes(compared.errors) ? "worse" : "";
    const seconds = (Math.min(Date.now(), Date.parse(answer.to)) - Date.parse(answer.from)) / 1000;
    const length = (/** @type {string} */ title, /** @type {string} */ level, /** @type {string} */ about) => {
      const [value, was] = [now.percentiles_ns[level], then?.percentiles_ns[level]];
      return card(title, duration(value), about, was !== undefined && difference(value, was, speed));
    };
    const failed = now.errors / now.calls;
    fill(
      this.cards,
      card("Calls", short(now.calls), answer.from.startsWith("1970") ? "" : rate(now.calls / seconds), then && difference(now.calls, then.calls)),
      card("Errors", h("span", { class: now.errors && "bad" }, percent(failed)), `${count(now.errors)} of ${count(now.calls)}`, then && difference(failed, then.errors / then.calls, failing)),
      length("p50", "p50", "half took no longer"),
      length("p99", "p99", `${short(Math.max(1, Math.round(now.calls / 100)))} took longer`),
      length("max", "p100", "the longest call"),
    );
  }
}

/** The services and kinds that its calls are of. @param {import("../../api.js").Row[]} rows */
function kinds(rows) {
  const services = [...new Set(rows.map(({ group }) => group.service))];
  const found = [...new Set(rows.map(({ group }) => group.kind.toLowerCase()))].filter((kind) => kind && kind !== "unspecified");
  return [
    services.length > 1 ? "services " : "service ",
    services.map((service, index) => [index ? ", " : "", h("a", { href: link({ view: "functions", service }) }, h("bdi", {}, service || "(none)"))]).flat(),
    found.length ? [" · ", found.join(", ")] : null,
  ];
}
