/**
 * All functions: how often each is called, how often it fails, how long it takes, and how its p99 went; above them what
 * all calls together say, and what became worse since the window before.
 *
 * In the URL: `sort` (a column, "-" before it for downwards), `q` (what names contain), `min` (calls), `hide` (functions
 * that are left out, by their hashes, so that long names fit).
 */

import { ask, scope } from "../api.js";
import { card, difference } from "../cards.js";
import { fill, h } from "../dom.js";
import { download, exportButtons } from "../download.js";
import { quoted } from "../filter-box.js";
import { changeBy, count, duration, percent, rate, short, times } from "../format.js";
import { cut, functionLink } from "../function-link.js";
import { bind } from "../keyboard.js";
import { sparkline } from "../sparkline.js";
import { change, current, link } from "../state.js";
import { nothing } from "../states.js";
import { Table } from "../table.js";
import { clock, windowBefore, zoneName } from "../time.js";

const MOST = 10_000;
const DEFAULT_SORT = "-total_ns";
// A filter has at most 4,096 characters, and a URL has to stay a URL.
const NAMES_PER_REQUEST = 64;
const FILTER_CHARACTERS = 3800;
const LISTED = 3;

/**
 * @typedef {import("../api.js").Row & {service: string, name: string}} FunctionRow  Of the question `functions`.
 */

/**
 * What the cards are made of, as far as it is known: of all calls together now, and then, in the window before; and what
 * `compare` says, null when it cannot.
 * @typedef {object} Known
 * @property {FunctionRow[]} rows
 * @property {ReturnType<typeof windowBefore>} before
 * @property {import("../api.js").Row} [now]
 * @property {import("../api.js").Row} [then]
 * @property {import("../api.js").Answer | null} [changes]
 */

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new Functions(root);
}

class Functions {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.cards = h("section", { class: "cards", "aria-label": "All calls" });
    this.search = h("input", {
      type: "search",
      placeholder: "Name contains",
      "aria-label": "Name contains",
      oninput: () => change({ q: this.search.value }, { replace: true }),
    });
    this.least = h("input", {
      type: "number",
      min: 0,
      placeholder: "0",
      class: "least",
      oninput: () => change({ min: this.least.value }, { replace: true }),
    });
    this.shown = h("span", { class: "shown", role: "status" });
    this.hidden = h("button", { type: "button", hidden: true, onclick: () => change({ hide: "" }) });
    this.notes = h("p", { class: "hint" });
    this.table = new Table({
      label: "Functions",
      columns: this.columns(),
      keyOf,
      onSort: ({ key, descending }) => change({ sort: `${descending ? "-" : ""}${key}` }),
      onSeen: (rows) => this.askTrends(rows),
    });
    this.content = h(
      "div",
      { class: "content" },
      this.cards,
      h(
        "div",
        { class: "toolbar" },
        this.search,
        h("label", {}, "At least ", this.least, " calls"),
        this.shown,
        this.hidden,
        exportButtons((format) => this.export(format)),
      ),
      this.table.element,
      this.notes,
    );
    /** @type {import("../api.js").Answer | undefined} */
    this.answer = undefined;
    /** How each function's p99 went, by its key; null while it is asked for. @type {Map<string, (number | null)[] | null>} */
    this.trends = new Map();
    /** @type {{of: string, answer: import("../api.js").Answer | null} | undefined} */
    this.compared = undefined;
    /** What `answer` is the answer to, and what was asked last. */
    this.answered = "";
    this.asked = "";
    /** @type {{answer: import("../api.js").Answer, state: import("../state.js").State} | undefined} */
    this.drawn = undefined;
    /** @type {number | null} */
    this.seconds = null;
    this.state = current();
    this.signal = new AbortController().signal;
    this.close = bind("f", "Find a function by its name", () => this.search.focus());
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal @returns {Promise<import("../views.js").Shown>} */
  async update(state, signal) {
    this.state = state;
    this.asked = questionOf(state);
    this.signal = signal;
    const answer = await ask("functions", { ...scope(state), limit: MOST }, { signal });
    if (!answer.rows.length && (await nothing(this.root, state, signal))) {
      return this.update(state, signal);
    }
    if (!answer.rows.length) {
      return answer;
    }
    if (!this.content.isConnected) {
      fill(this.root, this.content);
    }
    if (answer !== this.answer) {
      this.trends.clear();
      this.answer = answer;
      this.answered = this.asked;
      this.seconds = secondsOf(answer);
    }
    if (answer !== this.drawn?.answer || JSON.stringify(this.state) !== JSON.stringify(this.drawn.state)) {
      this.showTable(this.state);
    }
    await this.showCards(state, signal, answer);
    return answer;
  }

  /** @param {import("../state.js").State} state @returns {boolean} */
  redraw(state) {
    const question = questionOf(state);
    if (!this.content.isConnected || question !== this.answered || question !== this.asked) {
      return false;
    }
    this.state = state;
    this.showTable(state);
    return true;
  }

  /** @param {import("../state.js").State} state */
  showTable(state) {
    const answer = /** @type {import("../api.js").Answer} */ (this.answer);
    for (const [input, value] of /** @type {[HTMLInputElement, string][]} */ ([
      [this.search, state.q ?? ""],
      [this.least, state.min ?? ""],
    ])) {
      if (input.value !== value) {
        input.value = value;
      }
    }
    const unhidden = this.unhidden(state);
    const rows = chosen(unhidden, state);
    const hidden = answer.rows.length - unhidden.length;
    this.shown.textContent =
      rows.length === answer.rows.length
        ? `${count(rows.length)} functions`
        : `${count(rows.length)} of ${count(answer.rows.length)} functions`;
    this.hidden.hidden = hidden === 0;
    this.hidden.textContent = `Show ${count(hidden)} hidden`;
    const most = answer.rows.length === MOST ? [`the ${count(MOST)} functions that took the most time are shown`] : [];
    this.notes.textContent = [...answer.notes, ...most].join("; ");
    const sort = state.sort || DEFAULT_SORT;
    this.drawn = { answer, state };
    this.table.show(rows, { key: sort.replace("-", ""), descending: sort.startsWith("-") });
  }

  /** The answer without what somebody hid. @param {import("../state.js").State} state @returns {FunctionRow[]} */
  unhidden(state) {
    const rows = /** @type {FunctionRow[]} */ (this.answer?.rows ?? []);
    const hidden = new Set(hiddenIn(state));
    return hidden.size ? rows.filter((row) => !hidden.has(hashOf(row))) : rows;
  }

  /** @returns {import("../table.js").Column<FunctionRow>[]} */
  columns() {
    /** @type {(key: string, title: string, hint: string) => import("../table.js").Column<FunctionRow>} */
    const length = (key, title, hint) => ({
      key,
      title,
      hint,
      width: "5.2em",
      numeric: true,
      value: (row) => row[key],
      cell: (row) => duration(row[key]),
    });
    return [
      { key: "name", title: "Function", width: "auto", value: (row) => row.name, cell: (row) => nameCell(row) },
      { key: "service", title: "Service", width: "8em", value: (row) => row.service, cell: (row) => cut(row.service) },
      {
        key: "calls",
        title: "Calls",
        width: "5.4em",
        numeric: true,
        value: (row) => row.calls,
        cell: (row) => h("span", { title: `${count(row.calls)} calls` }, row.calls < 1e7 ? count(row.calls) : short(row.calls)),
      },
      {
        key: "rate",
        title: "Rate",
        width: "6.2em",
        numeric: true,
        value: (row) => row.calls,
        cell: (row) => this.rate(row.calls),
      },
      {
        key: "errors",
        title: "Errors",
        hint: "Share of the calls that failed",
        width: "4.6em",
        numeric: true,
        value: (row) => row.errors / row.calls,
        cell: (row) =>
          h(
            "span",
            { class: row.errors ? "bad" : "none", title: `${count(row.errors)} of ${count(row.calls)} calls failed` },
            percent(row.errors / row.calls),
          ),
      },
      {
        key: "trend",
        title: "Trend",
        hint: "How p99 went",
        width: "8.6em",
        cell: (row) => this.trendCell(row),
      },
      {
        ...length("mean_ns", "mean", "The average, with its standard error"),
        cell: (row) => h("span", { title: `${duration(row.mean_ns)} ± ${duration(row.stderr_ns)}, of ${count(row.calls)} calls` }, duration(row.mean_ns)),
      },
      length("p50_ns", "p50", "Half of the calls took no longer"),
      length("p90_ns", "p90", "Nine of ten calls took no longer"),
      length("p95_ns", "p95", "19 of 20 calls took no longer"),
      length("p99_ns", "p99", "99 of 100 calls took no longer"),
      length("p999_ns", "p99.9", "999 of 1,000 calls took no longer"),
      length("max_ns", "max", "The longest call"),
      length("total_ns", "total", "All calls together"),
      {
        key: "tail_ratio",
        title: "tail",
        hint: "p99 / p50: how much longer than usual the slow calls take",
        width: "4.6em",
        numeric: true,
        value: (row) => row.tail_ratio,
        cell: (row) => (row.tail_ratio ? times(row.tail_ratio) : "–"),
      },
      {
        key: "hide",
        title: "",
        width: "2em",
        cell: (row) =>
          h(
            "button",
            {
              type: "button",
              class: "icon hide",
              title: "Hide this function",
              "aria-label": `Hide ${cut(row.name)}`,
              onclick: () => change({ hide: [...hiddenIn(current()), hashOf(row)].join(",") }),
            },
            "×",
          ),
      },
    ];
  }

  /** @param {number} calls */
  rate(calls) {
    return this.seconds === null ? "–" : rate(calls / this.seconds);
  }

  /** @param {FunctionRow} row */
  trendCell(row) {
    const values = this.trends.get(keyOf(row));
    if (!values) {
      return null;
    }
    const known = /** @type {number[]} */ (values.filter((value) => value !== null));
    return known.length
      ? sparkline(values, `p99 between ${duration(Math.min(...known))} and ${duration(Math.max(...known))}`)
      : null;
  }

  /** The trends of rows that can be seen, in as few requests as the filter's length allows. @param {FunctionRow[]} rows */
  async askTrends(rows) {
    const { signal, trends, answer: shown } = this;
    const state = current();
    const missing = rows.filter((row) => !trends.has(keyOf(row)));
    for (const row of missing) {
      trends.set(keyOf(row), null);
    }
    for (const filter of filtersFor(missing, state.filter)) {
      try {
        const { since, until, service, zone } = state;
        const timezone = zoneName(zone);
        const answer = await ask("trends", { since, until, service, filter, timezone, limit: MOST }, { signal });
        // The rows may be gone meanwhile, and others that are called the same there: those have been asked about anew.
        if (this.answer !== shown) {
          return;
        }
        for (const { service: of, name, percentile_ns } of answer.rows) {
          trends.set(keyOf({ service: of, name }), percentile_ns);
        }
        rows.forEach((row) => this.table.redraw(row));
      } catch (error) {
        if (!signal.aborted) {
          console.warn("no trends:", error);
        }
        if (this.answer !== shown) {
          return;
        }
        missing.filter((row) => trends.get(keyOf(row)) === null).forEach((row) => trends.delete(keyOf(row)));
        return;
      }
    }
  }

  /** @param {"json" | "csv"} format */
  export(format) {
    const state = current();
    const rows = chosen(this.unhidden(state), state);
    const name = `functions ${clock(/** @type {any} */ (this.answer).to, "UTC").replaceAll(":", "")}`;
    download(name, format, rows);
  }

  /**
   * The first time each number as soon as it is known; later all at once, so that nothing flickers.
   * @param {import("../state.js").State} state
   * @param {AbortSignal} signal
   * @param {import("../api.js").Answer} answer
   */
  async showCards(state, signal, answer) {
    const rows = /** @type {FunctionRow[]} */ (answer.rows);
    const before = windowBefore(answer);
    const first = !this.cards.childElementCount;
    const all = { ...scope(state), group: "none", levels: "p99", limit: 1 };
    /** @type {Known} */
    const known = { rows, before };
    const show = () => {
      if (first && !signal.aborted) {
        fill(this.cards, this.cardsOf(known));
      }
    };
    show();
    await Promise.all([
      ask("percentiles", all, { signal }).then(({ rows: [now] }) => Object.assign(known, { now })).then(show),
      before &&
        ask("percentiles", { ...all, ...sinceUntil(before.baseline) }, { signal })
          .then(({ rows: [then] }) => Object.assign(known, { then }))
          .then(show),
      this.changes(state, before, signal).then((changes) => Object.assign(known, { changes })),
    ]);
    fill(this.cards, this.cardsOf(known));
  }

  /** @param {Known} known */
  cardsOf({ rows, now, then, before, changes }) {
    // The same, unless there are more functions than one answer has.
    const { calls, errors } = now ?? { calls: sum(rows, "calls"), errors: sum(rows, "errors") };
    const p99 = now?.percentiles_ns.p99;
    const slowest = rows.reduce((one, other) => (other.max_ns > one.max_ns ? other : one));
    return [
      card("Calls", short(calls), this.rate(calls), then && difference(calls, then.calls)),
      card(
        "Errors",
        percent(errors / calls),
        `${count(errors)} of ${count(calls)}`,
        then && difference(errors / calls, then.errors / then.calls, "worse"),
      ),
      card("p99 of all calls", duration(p99), "", then && difference(p99, then.percentiles_ns.p99, "worse")),
      card("Slowest call", traceLink(slowest), functionLink(slowest)),
      changesCard(changes, before),
    ];
  }

  /**
   * What became worse, asked once for each pair of windows: it is the dearest question of all. null when it cannot be said.
   * @param {import("../state.js").State} state
   * @param {{baseline: string, candidate: string} | null} before
   * @param {AbortSignal} signal
   * @returns {Promise<import("../api.js").Answer | null>}
   */
  async changes({ service, filter }, before, signal) {
    if (!before) {
      return null;
    }
    const { baseline, candidate } = before;
    const parameters = { baseline, candidate, service, filter, limit: 100 };
    const of = JSON.stringify(parameters);
    if (this.compared?.of !== of) {
      const answer = await ask("compare", parameters, { signal }).catch(() => null);
      signal.throwIfAborted();
      this.compared = { of, answer };
    }
    return this.compared.answer;
  }
}

/** @param {{service: string, name: string}} row */
function keyOf({ service, name }) {
  return `${service}\0${name}`;
}

/** @param {FunctionRow} row */
function nameCell(row) {
  return h("span", { class: "name" }, functionLink(row));
}

/** To the trace of the longest call. @param {FunctionRow} row */
function traceLink({ max_ns, slowest_trace_id }) {
  const text = duration(max_ns);
  return slowest_trace_id ? h("a", { href: link({ view: "trace", trace: slowest_trace_id }), title: "Its trace" }, text) : text;
}

/** @param {FunctionRow[]} rows @param {string} field */
function sum(rows, field) {
  return rows.reduce((total, row) => total + row[field], 0);
}

/** @param {import("../api.js").Answer | null | undefined} changes @param {{seconds: number} | null} before */
function changesCard(changes, before) {
  const title = "Worse than before";
  if (changes === undefined) {
    return card(title, "…", "Comparing with the window before");
  }
  if (!changes) {
    return card(title, "–", before ? "The windows could not be compared." : "There is no window before.");
  }
  const worse = changes.rows.filter((row) => row.verdict === "slower" || row.errors === "more");
  const list = worse.slice(0, LISTED).map((row) => h("li", {}, functionLink(/** @type {any} */ (row)), " ", h("span", {}, verdict(row))));
  const about = worse.length
    ? h("ul", {}, list)
    : `of ${count(changes.rows.length)} functions compared with the ${duration((before?.seconds ?? 0) * 1e9)} before`;
  return card(title, count(worse.length), about);
}

/** @param {import("../api.js").Row} row  Of `compare`. */
function verdict(row) {
  const [what] = row.changed;
  const ratio = row.percentiles.find((/** @type {any} */ { level }) => `p${level * 100}` === what)?.ratio ?? row.shift;
  const slower = row.verdict === "slower" ? `${what} ${changeBy(ratio)}` : "";
  return [slower, row.errors === "more" && "more errors"].filter(Boolean).join(", ");
}

/** @param {string} range  "from..to" */
function sinceUntil(range) {
  const [since, until] = range.split("..");
  return { since, until };
}

/** What is asked for a state: the rest of it only says how the answer is shown. @param {import("../state.js").State} state */
function questionOf(state) {
  return JSON.stringify([scope(state), state.zone]);
}

/** How long a window is, or has been so far; null for everything stored. @param {{from: string, to: string}} answer */
function secondsOf({ from, to }) {
  const begin = Date.parse(from);
  return begin ? (Math.min(Date.now(), Date.parse(to)) - begin) / 1000 : null;
}

/**
 * Filters that pick these functions out of what `filter` takes, each as long as one may be.
 * @param {FunctionRow[]} rows
 * @param {string} filter
 * @returns {string[]}
 */
function filtersFor(rows, filter) {
  const others = filter ? `(${filter}) ` : "";
  const names = [...new Set(rows.map(({ name }) => name))].map(quoted);
  /** @type {string[][]} */
  const groups = [[]];
  let length = 0;
  for (const name of names.filter((text) => others.length + text.length < FILTER_CHARACTERS)) {
    length += name.length + 1;
    if (others.length + length > FILTER_CHARACTERS || /** @type {string[]} */ (groups.at(-1)).length === NAMES_PER_REQUEST) {
      groups.push([]);
      length = name.length + 1;
    }
    /** @type {string[]} */ (groups.at(-1)).push(name);
  }
  return groups.filter((group) => group.length).map((group) => `${others}name in (${group.join(",")})`);
}

/** @param {import("../state.js").State} state @returns {string[]} */
function hiddenIn(state) {
  return state.hide ? state.hide.split(",") : [];
}

/** Those of the rows that the search and the threshold leave. @param {FunctionRow[]} rows @param {import("../state.js").State} state */
function chosen(rows, state) {
  const wanted = (state.q ?? "").toLowerCase();
  const least = Number(state.min) || 0;
  return rows.filter((row) => row.calls >= least && (!wanted || row.name.toLowerCase().includes(wanted)));
}

/**
 * 53 bits of a function's name, as letters and digits: two of ten thousand are the same once in a hundred million pages.
 * Two rounds of multiplying and mixing, as MurmurHash3 does.
 * @param {{service: string, name: string}} row
 */
function hashOf(row) {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (const character of keyOf(row)) {
    const code = /** @type {number} */ (character.codePointAt(0));
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}
