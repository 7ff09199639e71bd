/** All that was recorded of one span, asked for when somebody wants to see it. */

import { ask } from "../../api.js";
import { fill, h } from "../../dom.js";
import { duration, percent } from "../../format.js";
import { link } from "../../state.js";
import { loading } from "../../states.js";
import { clock } from "../../time.js";

export class Details {
  /**
   * @param {object} options
   * @param {() => void} options.onClose
   */
  constructor({ onClose }) {
    this.onClose = onClose;
    this.element = h("aside", { class: "details", "aria-label": "Details of the span", hidden: true });
    /** @type {import("./tree.js").Span | undefined} */
    this.span = undefined;
  }

  /**
   * @param {import("./tree.js").Span | undefined} span  None closes them.
   * @param {import("../../state.js").State} state
   * @param {import("./tree.js").Trace} trace
   * @param {AbortSignal} signal
   */
  async show(span, state, trace, signal) {
    if (span === this.span) {
      return;
    }
    this.span = span;
    this.element.hidden = !span;
    if (!span) {
      return;
    }
    const { row } = span;
    const close = h("button", { type: "button", class: "icon", "aria-label": "Close the details", title: "Close (Escape)", onclick: this.onClose }, "×");
    const head = h("header", {}, h("h2", {}, h("bdi", {}, row.name.slice(0, 2000) || "(no name)")), close);
    fill(this.element, head, facts(span, state, trace), loading());
    const recorded = await recordedOf(row, signal);
    if (this.span === span) {
      fill(this.element, head, facts(span, state, trace), recorded ? rest(recorded, state, trace) : h("p", {}, "It is not stored any more."));
    }
  }
}

/** @param {import("./tree.js").SpanRow} row @param {AbortSignal} signal */
async function recordedOf(row, signal) {
  const filter = `trace_id=${row.trace_id} span_id=${row.span_id}`;
  const [since, until] = [row.start_unix_ns, row.start_unix_ns + 1000n].map(moment);
  const answer = await ask("spans", { filter, since, until, limit: 1 }, { signal, exactTimes: true });
  return answer.rows[0];
}

/** To the microsecond, as queries take it. @param {bigint} unixNs */
function moment(unixNs) {
  const [ms, us] = [unixNs / 1_000_000n, (unixNs / 1000n) % 1000n];
  return new Date(Number(ms)).toISOString().replace("Z", `${String(us).padStart(3, "0")}Z`);
}

/** @param {import("./tree.js").Span} span @param {import("../../state.js").State} state @param {import("./tree.js").Trace} trace */
function facts(span, state, trace) {
  const { row } = span;
  const failed = row.status === "Error";
  return h(
    "dl",
    { class: "facts" },
    fact("Service", h("bdi", {}, row.service)),
    fact("Function", h("a", { href: link({ view: "function", service: row.service, name: row.name }) }, "how it goes in general")),
    fact("Kind", row.kind),
    fact("Status", h("span", { class: failed && "bad" }, row.status), row.status_message && h("bdi", { class: "text" }, ` ${row.status_message}`)),
    fact("Began", `${clock(row.start_unix_ns, state.zone, { milliseconds: true })}, ${duration(span.start)} into the trace`),
    fact("Took", `${duration(row.duration_ns)}, ${percent(row.duration_ns / trace.length)} of the trace`),
    fact("Itself", `${duration(row.self_ns)} while none of its children ran`),
    row.critical_ns > 0 && fact("Critical path", `${duration(row.critical_ns)}: the end of the trace waited for it`),
  );
}

/** @param {import("../../api.js").Row} row @param {import("../../state.js").State} state @param {import("./tree.js").Trace} trace */
function rest(row, state, trace) {
  const begin = trace.spans[0].row.start_unix_ns - BigInt(Math.round(trace.spans[0].start));
  return [
    section("Attributes", table(row.attributes)),
    row.events.length > 0 &&
      section(
        `Events (${row.events.length})`,
        row.events.slice(0, 200).map((/** @type {any} */ event) =>
          h(
            "details",
            { open: row.events.length <= 3 },
            h("summary", {}, h("bdi", {}, event.name || "(no name)"), h("small", {}, ` ${duration(event.time_unix_ns - begin)} into the trace`)),
            table(event.attributes),
          ),
        ),
      ),
    row.links.length > 0 &&
      section(
        `Links (${row.links.length})`,
        row.links.slice(0, 200).map((/** @type {any} */ one) =>
          h("div", {}, h("a", { href: link({ view: "trace", trace: one.trace_id, span: one.span_id }) }, one.trace_id), table(one.attributes)),
        ),
      ),
    section("Resource", table(row.resource)),
    section(
      "Ids",
      table({
        trace: row.trace_id,
        span: row.span_id,
        parent: row.parent_span_id,
        scope: [row.scope, row.scope_version].filter(Boolean).join(" "),
        "trace state": row.trace_state,
      }),
    ),
  ];
}

/** @param {string} title @param {import("../../dom.js").Child} content */
function section(title, content) {
  return h("section", {}, h("h3", {}, title), content);
}

/** @param {Record<string, string>} values */
function table(values) {
  const found = Object.entries(values).filter(([, value]) => value !== "");
  if (!found.length) {
    return h("p", { class: "hint" }, "none");
  }
  return h("dl", { class: "values" }, found.map(([key, value]) => [h("dt", {}, h("bdi", {}, key)), h("dd", {}, h("bdi", { class: "text" }, value))]).flat());
}

/** @param {string} name @param {...import("../../dom.js").Child} content */
function fact(name, ...content) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, ...content));
}
