/**
 * Spans as they arrive (docs/http-api.md), the newest first, until somebody pauses. What the server drops because there
 * is too much of it, and what this page drops because nobody reads so fast, is counted.
 *
 * It takes the service and the filter of the bar; the window of time is now.
 */

import { ask, note, urlOf } from "../api.js";
import { fill, h } from "../dom.js";
import { count, duration } from "../format.js";
import { bind } from "../keyboard.js";
import { current, link } from "../state.js";
import { Table } from "../table.js";
import { clock } from "../time.js";

const KEPT = 500;
const SHOWN_NAME_CHARACTERS = 300;
const AGAIN_AFTER_MS = 10_000;

/**
 * @typedef {{key: string, service: string, name: string, start: bigint, duration_ns: number, status: string, kind: string, trace: string, span: string}} Span
 */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new Live(root);
}

class Live {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.pause = h("button", { type: "button", class: "primary", title: "Pause or go on (p)", onclick: () => this.toggle() });
    this.status = h("span", { class: "shown", role: "status" });
    this.counts = h("span", { class: "shown" });
    this.table = new Table({
      columns: columns(),
      keyOf: (row) => row.key,
      label: "Spans as they arrive",
      onSort: ({ key, descending }) => {
        this.sort = { key, descending };
        this.draw();
      },
    });
    this.waiting = h("p", { class: "hint", role: "status" }, "Nothing has arrived yet. Spans appear here as soon as they are stored.");
    fill(
      root,
      h(
        "div",
        { class: "toolbar" },
        this.pause,
        h("button", { type: "button", onclick: () => this.clear() }, "Clear"),
        this.status,
        this.counts,
      ),
      this.waiting,
      this.table.element,
    );
    this.sort = { key: "arrived", descending: true };
    this.paused = false;
    /** The newest first, KEPT at most. @type {Span[]} */
    this.rows = [];
    this.arrived = 0;
    /** What the server did not tell, and whether there is more that it does not know of. */
    this.dropped = 0;
    this.gap = false;
    /** How many had arrived when the table was last drawn. */
    this.seen = 0;
    /** @type {number | undefined} */
    this.frame = undefined;
    this.draw();
    /** @type {{url: string, source: EventSource} | undefined} */
    this.stream = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.again = undefined;
    bind("p", "Pause the live view, or go on", () => root.isConnected && this.toggle());
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal */
  async update({ service, filter }, signal) {
    const url = urlOf("live", { service, filter });
    if (this.stream?.url === url && this.stream.source.readyState !== EventSource.CLOSED) {
      return;
    }
    // What is wrong with the filter, or with who asks, a stream cannot say: a question like it can.
    await ask("spans", { service, filter, since: "1m", limit: 1 }, { signal });
    this.disconnect();
    this.clear();
    this.connect(url);
  }

  close() {
    this.disconnect();
    cancelAnimationFrame(this.frame ?? 0);
  }

  /** @param {string} url */
  connect(url) {
    const source = new EventSource(url);
    this.stream = { url, source };
    // Also where another was watched before: what is stored until it is open is not shown.
    this.say("Connecting …");
    source.addEventListener("open", () => {
      note(url, { status: 200 });
      this.say("Watching");
    });
    source.addEventListener("span", ({ data }) => this.take(spanOf(data)));
    source.addEventListener("dropped", ({ data }) => this.drop(JSON.parse(data).spans));
    source.addEventListener("problem", ({ data }) => this.say(JSON.parse(data).message));
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) {
        // It was ended, as it is from time to time, or the server is away: the browser goes on where it was.
        this.say("Connecting again …");
        return;
      }
      note(url, { status: 0 });
      this.say("The server lets nobody else watch at the moment; it is asked again in 10 seconds.");
      // Whatever the reason is, the page finds out: it asks, and shows who has to sign in where to do so.
      this.again = setTimeout(() => dispatchEvent(new PopStateEvent("popstate")), AGAIN_AFTER_MS);
    });
  }

  disconnect() {
    clearTimeout(this.again);
    this.stream?.source.close();
    this.stream = undefined;
  }

  /** @param {Span} span */
  take(span) {
    this.arrived += 1;
    this.rows.unshift({ ...span, key: String(this.arrived) });
    if (this.rows.length > KEPT) {
      this.rows.length = KEPT;
    }
    this.later();
  }

  /** @param {number | null} spans */
  drop(spans) {
    this.dropped += spans ?? 0;
    this.gap ||= spans === null;
    this.later();
  }

  clear() {
    this.rows = [];
    this.arrived = 0;
    this.dropped = 0;
    this.gap = false;
    this.seen = 0;
    this.draw();
  }

  toggle() {
    this.paused = !this.paused;
    this.draw();
  }

  /** @param {string} text */
  say(text) {
    this.status.textContent = text;
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    this.pause.textContent = this.paused ? "Go on" : "Pause";
    this.pause.setAttribute("aria-pressed", String(this.paused));
    if (!this.paused) {
      this.seen = this.arrived;
      this.table.show(this.rows, this.sort);
    }
    this.waiting.hidden = this.arrived > 0;
    const held = this.arrived - this.seen;
    const untold = this.dropped + Math.max(0, this.arrived - KEPT);
    fill(
      this.counts,
      [
        `${count(this.arrived + this.dropped)} arrived`,
        untold && `${count(untold)} not shown`,
        held && `${count(held)} since you paused`,
        this.gap && "some were missed while the connection was lost",
      ]
        .filter(Boolean)
        .join(" · "),
    );
  }
}

/** @returns {import("../table.js").Column<Span>[]} */
function columns() {
  return [
    {
      key: "arrived",
      title: "Began",
      hint: "When the span began; in the order in which they arrived",
      width: "9em",
      numeric: true,
      value: (row) => Number(row.key),
      cell: (row) => time(row.start),
    },
    { key: "service", title: "Service", width: "10em", value: (row) => row.service, cell: (row) => cut(row.service) },
    {
      key: "name",
      title: "Function",
      width: "auto",
      value: (row) => row.name,
      cell: (row) =>
        h(
          "span",
          { class: "name" },
          h("a", { href: link({ view: "trace", trace: row.trace, span: row.span }), title: row.name, dir: "auto" }, cut(row.name) || "(no name)"),
        ),
    },
    { key: "kind", title: "Kind", width: "7em", value: (row) => row.kind, cell: (row) => row.kind },
    {
      key: "status",
      title: "Status",
      width: "6em",
      value: (row) => row.status,
      cell: (row) => h("span", { class: row.status === "Error" ? "bad" : "none" }, row.status),
    },
    {
      key: "duration_ns",
      title: "Duration",
      width: "7em",
      numeric: true,
      value: (row) => row.duration_ns,
      cell: (row) => duration(row.duration_ns),
    },
  ];
}

/** @param {string} data @returns {Span} */
function spanOf(data) {
  const span = JSON.parse(data, reviveStart);
  const { service, name, duration_ns, status, kind } = span;
  return { key: "", service, name, duration_ns, status, kind, start: span.start_unix_ns, trace: span.trace_id, span: span.span_id };
}

/** Nanoseconds since 1970 are more than a number holds. @param {string} key @param {any} value @param {{source?: string}} [context] */
function reviveStart(key, value, context) {
  return key === "start_unix_ns" ? BigInt(context?.source ?? value) : value;
}

/** The time of day, to the millisecond. @param {bigint} start */
function time(start) {
  const { zone } = current();
  return h("span", { title: clock(start, zone, { milliseconds: true }) }, clock(start, zone, { date: false, milliseconds: true }));
}

/** @param {string} text */
function cut(text) {
  return text.length > SHOWN_NAME_CHARACTERS ? `${text.slice(0, SHOWN_NAME_CHARACTERS)}…` : text;
}
