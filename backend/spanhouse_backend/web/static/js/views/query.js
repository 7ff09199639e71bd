/**
 * Raw SQL (docs/sql.md) for those who may: a statement, its rows as a table or a chart, and the same rows as a file.
 *
 * In the URL: `sql`, the statement that was run, so that it can be sent to somebody; `show` ("chart"), `x`, `y` and `kind`
 * of the chart. Earlier statements are kept for as long as the page is open, and nowhere else.
 */

import { ApiError, askText, urlOf } from "../api.js";
import { Chart, plain } from "../chart.js";
import { fill, h } from "../dom.js";
import { count } from "../format.js";
import { may, whoami } from "../session.js";
import { change, current, link } from "../state.js";
import { Table } from "../table.js";

const MAY_ASK = ["sql", "admin"];
/** Every value as text, as the engine writes it: a number of JavaScript would lose the last digits of large ones. */
const FORMAT = "TabSeparatedWithNamesAndTypes";
const FILES = [
  ["csv", "CSV"],
  ["ndjson", "JSON lines"],
  ["parquet", "Parquet"],
];
const KINDS = [
  ["lines", "Lines"],
  ["bars", "Bars"],
  ["points", "Points"],
];
const EXAMPLES = [
  ["Slowest functions", "SELECT ServiceName, SpanName, count() AS calls, quantile(0.99)(Duration) / 1e6 AS p99_ms\nFROM otel_traces\nWHERE Timestamp > now() - INTERVAL 1 HOUR\nGROUP BY ALL\nORDER BY p99_ms DESC\nLIMIT 20"],
  ["Calls by minute", "SELECT toStartOfMinute(Timestamp) AS minute, count() AS calls, countIf(StatusCode = 'Error') AS errors\nFROM otel_traces\nWHERE Timestamp > now() - INTERVAL 1 HOUR\nGROUP BY minute\nORDER BY minute"],
  ["Columns", "DESCRIBE otel_traces"],
];
/** The server takes addresses of so many bytes; what is longer goes by curl, in a body. */
const LONGEST_ADDRESS = 24_000;
const KEPT_STATEMENTS = 50;
const SHOWN_CHARACTERS = 300;
const WIDEST_COLUMN = 40;
const CHART_ROWS = 20_000;
const MOST_TICKS = 60;
const TICK_CHARACTERS = 24;

/** @typedef {{key: string, cells: (string | null)[]}} Line */
/** @typedef {{names: string[], types: string[], lines: Line[]}} Result */

/** What was run, the latest first; gone with the page. @type {string[]} */
const statements = [];

/** @param {HTMLElement} root @returns {import("../views.js").View} */
export function open(root) {
  return new Query(root);
}

class Query {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.editor = h("textarea", {
      id: "sql",
      class: "sql",
      rows: 7,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      "aria-describedby": "sql-problem sql-keys",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.pressed(event),
    });
    this.problem = h("pre", { id: "sql-problem", class: "error sql-problem", role: "alert", hidden: true });
    this.run = h("button", { type: "button", class: "primary", onclick: () => this.submit() }, "Run");
    this.earlier = h("select", { class: "earlier", "aria-label": "Earlier statements", hidden: true, onchange: () => this.recall() });
    this.status = h("span", { class: "shown", role: "status" });
    this.result = h("section", { class: "content", "aria-label": "Result" });
    this.content = h(
      "div",
      { class: "content" },
      h("label", { for: "sql" }, "SQL of ClickHouse, read-only"),
      this.editor,
      this.problem,
      h(
        "div",
        { class: "toolbar" },
        this.run,
        EXAMPLES.map(([name, statement]) => h("button", { type: "button", onclick: () => this.edit(statement) }, name)),
        this.earlier,
        h("small", { id: "sql-keys" }, h("kbd", {}, "Ctrl"), " ", h("kbd", {}, "Enter"), " runs, ", h("kbd", {}, "Alt"), " ", h("kbd", {}, "↑"), " is what was run before"),
        this.status,
      ),
      this.result,
    );
    /** What is shown, and of which statement. @type {{sql: string, result: Result} | undefined} */
    this.answered = undefined;
    /** Where in the statements Alt and the arrow keys are; -1 is what is being written. */
    this.back = -1;
    /** The statement of the URL, as far as it was put into the editor, and how its rows are shown. */
    this.shownFor = "";
    this.drawing = "";
    /** @type {Chart | undefined} */
    this.chart = undefined;
  }

  /** @param {import("../state.js").State} state @param {AbortSignal} signal */
  async update(state, signal) {
    const session = await whoami();
    signal.throwIfAborted();
    if (session.needed && !session.name) {
      throw new ApiError(401, { message: "a token with the role sql is needed" });
    }
    if (!may(session, MAY_ASK)) {
      fill(this.root, refused(session));
      return;
    }
    if (!this.content.isConnected) {
      fill(this.root, this.content);
      this.editor.focus();
    }
    const sql = state.sql ?? "";
    if (sql && sql !== this.shownFor) {
      this.edit(sql);
    }
    this.shownFor = sql;
    if (!sql) {
      return;
    }
    // Another way of showing the rows that are there is no reason to ask for them again.
    const drawing = [state.show, state.x, state.y, state.kind].join();
    const onlyDrawing = this.answered?.sql === sql && this.drawing !== drawing;
    this.drawing = drawing;
    if (!onlyDrawing) {
      await this.ask(sql, signal);
    }
    if (this.answered) {
      await this.show(state, this.answered.result);
    }
  }

  close() {
    this.chart?.close();
  }

  /** @param {string} sql @param {AbortSignal} signal */
  async ask(sql, signal) {
    this.showProblem("");
    this.status.textContent = "Running …";
    const begun = performance.now();
    try {
      const result = parse(await askText("sql", { query: sql, format: FORMAT }, { signal }));
      this.answered = { sql, result };
      this.status.textContent = `${count(result.lines.length)} rows in ${Math.round(performance.now() - begun)} ms`;
    } catch (error) {
      this.status.textContent = "";
      if (error instanceof ApiError && error.status === 400) {
        this.answered = undefined;
        fill(this.result);
        this.showProblem(error.message, sql);
        return;
      }
      throw error;
    }
  }

  /** Runs what is in the editor; again when it was run before. */
  submit() {
    const sql = this.editor.value.trim();
    if (!sql) {
      this.editor.focus();
      return;
    }
    if (urlOf("sql", { query: sql, format: FORMAT }).length > LONGEST_ADDRESS) {
      this.showProblem(`This is too long for an address. POST it, in a body: curl --data-binary @statement.sql ${location.origin}/api/v1/sql`);
      return;
    }
    this.remember(sql);
    this.shownFor = sql;
    if ((current().sql ?? "") === sql) {
      dispatchEvent(new PopStateEvent("popstate"));
    } else {
      change({ sql, x: "", y: "" });
    }
  }

  /** @param {string} sql */
  remember(sql) {
    if (statements.includes(sql)) {
      statements.splice(statements.indexOf(sql), 1);
    }
    statements.unshift(sql);
    statements.length = Math.min(statements.length, KEPT_STATEMENTS);
    this.back = -1;
    this.earlier.hidden = false;
    fill(
      this.earlier,
      h("option", { value: "" }, "Earlier …"),
      statements.map((one, index) => h("option", { value: String(index) }, one.replaceAll(/\s+/g, " ").slice(0, 80))),
    );
  }

  recall() {
    if (this.earlier.value) {
      this.edit(statements[Number(this.earlier.value)]);
      this.earlier.value = "";
      this.editor.focus();
    }
  }

  /** @param {string} sql */
  edit(sql) {
    this.editor.value = sql;
    this.editor.focus();
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.submit();
    }
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const to = this.back + (event.key === "ArrowUp" ? 1 : -1);
      if (to >= 0 && to < statements.length) {
        this.back = to;
        this.editor.value = statements[to];
      }
    }
  }

  /** What is wrong, and the place in the statement where the engine says that it is. @param {string} message @param {string} [sql] */
  showProblem(message, sql = "") {
    this.problem.hidden = !message;
    const place = placeIn(message, sql);
    fill(this.problem, place && `${place.line}\n${" ".repeat(place.column)}^\n`, message);
    this.editor.setAttribute("aria-invalid", String(Boolean(message)));
    if (place) {
      this.editor.focus();
      this.editor.setSelectionRange(place.offset, Math.min(place.offset + 1, sql.length));
    }
  }

  /** @param {import("../state.js").State} state @param {Result} result */
  async show(state, result) {
    const files = h(
      "span",
      { class: "export" },
      FILES.map(([format, name]) => {
        const href = urlOf("sql", { query: state.sql, format });
        return h("a", { class: "button", href, download: `result.${format}` }, name);
      }),
    );
    const chart = state.show === "chart";
    const choice = h(
      "div",
      { class: "toolbar" },
      [
        ["", "Table"],
        ["chart", "Chart"],
      ].map(([value, name]) => h("a", { class: "button", href: link({ show: value }), "aria-current": (state.show ?? "") === value && "true" }, name)),
      chart && this.chartChoices(state, result),
      files,
    );
    this.chart?.close();
    this.chart = undefined;
    if (!chart) {
      fill(this.result, choice, tableOf(result));
      return;
    }
    const { x, y, kind } = chosen(state, result);
    if (x < 0 || !y.length) {
      fill(this.result, choice, h("p", { class: "hint", role: "status" }, "A chart needs a column of numbers, and another one to draw them over."));
      return;
    }
    this.chart = new Chart(`${y.map((column) => result.names[column]).join(", ")} over ${result.names[x]}`);
    fill(this.result, choice, this.chart.element);
    const lines = result.lines.slice(0, CHART_ROWS);
    const cut = lines.length < result.lines.length ? ` The first ${count(CHART_ROWS)} rows are drawn.` : "";
    const places = lines.map(({ cells }) => (isNumber(result.types[x]) ? Number(cells[x]) : plain(cells[x] ?? "NULL")));
    await this.chart.draw(
      () =>
        y.map((column) => ({
          name: plain(result.names[column]),
          x: places,
          y: lines.map(({ cells }) => (cells[column] === null ? null : Number(cells[column]))),
          type: kind === "bars" ? "bar" : "scatter",
          mode: kind === "points" ? "markers" : "lines",
        })),
      {
        xaxis: { title: { text: plain(result.names[x]), standoff: 12 }, ...axisOf(result.types[x], places) },
        yaxis: y.length === 1 ? { title: { text: plain(result.names[y[0]]) } } : {},
        showlegend: y.length > 1,
      },
      `${count(lines.length)} rows.${cut}`,
    );
  }

  /** @param {import("../state.js").State} state @param {Result} result */
  chartChoices(state, result) {
    const { x, y, kind } = chosen(state, result);
    const select = (/** @type {string} */ name, /** @type {[string, string][]} */ options, /** @type {string} */ value) => {
      const element = h(
        "select",
        { onchange: () => change({ [name]: element.value }, { replace: true }) },
        options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
      );
      return element;
    };
    /** @type {[string, string][]} */
    const columns = result.names.map((name) => [name, name.slice(0, SHOWN_CHARACTERS)]);
    const numbers = columns.filter((_, index) => isNumber(result.types[index]) && index !== x);
    /** @type {[string, string][]} */
    const every = numbers.length > 1 ? [["", "All numbers"]] : [];
    return [
      h("label", {}, "Over ", select("x", columns, result.names[x] ?? "")),
      h("label", {}, "Draw ", select("y", [...every, ...numbers], y.length === 1 ? result.names[y[0]] : "")),
      h("label", {}, "As ", select("kind", /** @type {[string, string][]} */ (KINDS), kind)),
    ];
  }
}

/** Which columns are drawn over which: what the URL says, or the first that make sense. @param {import("../state.js").State} state @param {Result} result */
function chosen(state, { names, types, lines }) {
  const named = names.indexOf(state.x ?? "");
  const others = [...types.keys()].filter((column) => !isNumber(types[column]));
  // A column that tells the rows apart: of another, several would be drawn at one place.
  const telling = others.find((column) => new Set(lines.map(({ cells }) => cells[column])).size === lines.length);
  const x = named >= 0 ? named : (telling ?? others[0] ?? 0);
  const wanted = names.indexOf(state.y ?? "");
  const numbers = [...types.keys()].filter((column) => isNumber(types[column]) && column !== x);
  const y = numbers.includes(wanted) ? [wanted] : numbers;
  const kind = KINDS.some(([name]) => name === state.kind) ? state.kind : isTime(types[x]) ? "lines" : "bars";
  return { x: names.length ? x : -1, y, kind };
}

/** @param {Result} result */
function tableOf(result) {
  /** @type {import("../table.js").Sort} */
  let sort = { key: "", descending: false };
  const widths = result.names.map((name, column) => {
    const longest = Math.max(name.length, ...result.lines.slice(0, 200).map(({ cells }) => (cells[column] ?? "NULL").length));
    return Math.min(WIDEST_COLUMN, longest) * 0.62 + 2;
  });
  const table = new Table({
    label: "Result",
    columns: result.names.map((name, column) => ({
      key: String(column),
      title: name.slice(0, SHOWN_CHARACTERS),
      hint: result.types[column],
      width: `${widths[column]}em`,
      numeric: isNumber(result.types[column]),
      value: (/** @type {Line} */ { cells }) => (isNumber(result.types[column]) ? Number(cells[column]) : (cells[column] ?? "")),
      cell: (/** @type {Line} */ { cells }) => cellOf(cells[column]),
    })),
    keyOf: ({ key }) => key,
    onSort: (wanted) => {
      sort = wanted;
      table.show(result.lines, sort);
    },
  });
  table.element.classList.add("result");
  // Only a table that is told its width keeps to those of its columns.
  table.table.style.width = `${widths.reduce((sum, width) => sum + width, 0)}em`;
  table.show(result.lines, sort);
  return table.element;
}

/** @param {string | null} text */
function cellOf(text) {
  if (text === null) {
    return h("span", { class: "none" }, "NULL");
  }
  return h("span", { title: text.length > WIDEST_COLUMN ? text.slice(0, 2000) : null, dir: "auto" }, text.slice(0, SHOWN_CHARACTERS));
}

/**
 * Rows of ClickHouse's TabSeparatedWithNamesAndTypes.
 * @param {string} text
 * @returns {Result}
 */
export function parse(text) {
  const [names = [], types = [], ...rows] = text
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t").map(unescaped));
  return {
    names: names.map((name) => name ?? ""),
    types: types.map((type) => type ?? ""),
    lines: rows.map((cells, index) => ({ key: String(index), cells })),
  };
}

/** @type {Record<string, string>} */
const ESCAPES = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", 0: "\0" };

/** @param {string} field */
function unescaped(field) {
  return field === "\\N" ? null : field.replaceAll(/\\(.)/gs, (_, character) => ESCAPES[character] ?? character);
}

/** @param {string} type */
function isNumber(type) {
  return /^(LowCardinality\()?(Nullable\()?(U?Int\d+|B?Float\d+|Decimal)/.test(type);
}

/**
 * An axis of time, of numbers, or of names, which are cut so that they leave room for what is drawn.
 * @param {string} type
 * @param {(string | number)[]} places
 */
function axisOf(type, places) {
  if (isTime(type)) {
    return { type: "date" };
  }
  if (isNumber(type)) {
    return { type: "linear" };
  }
  const names = [...new Set(/** @type {string[]} */ (places))];
  const short = (/** @type {string} */ name) => (name.length > TICK_CHARACTERS ? `${name.slice(0, TICK_CHARACTERS)}…` : name);
  return names.length > MOST_TICKS
    ? { type: "category", showticklabels: false }
    : { type: "category", tickmode: "array", tickvals: names, ticktext: names.map(short) };
}

/** @param {string} type */
function isTime(type) {
  return /^(LowCardinality\()?(Nullable\()?Date/.test(type);
}

/**
 * Where the engine says that a statement is wrong: "failed at position 8 (..) (line 2, col 3)".
 * @param {string} message
 * @param {string} sql
 */
function placeIn(message, sql) {
  const found = /\(line (\d+), col (\d+)\)/.exec(message) ?? /failed at position (\d+)/.exec(message);
  if (!found || !sql) {
    return null;
  }
  const lines = sql.split("\n");
  let [row, column] = [Number(found[1]) - 1, Number(found[2]) - 1];
  if (found.length < 3) {
    const before = sql.slice(0, Number(found[1]) - 1).split("\n");
    [row, column] = [before.length - 1, (before.at(-1) ?? "").length];
  }
  if (row >= lines.length) {
    return null;
  }
  const offset = lines.slice(0, row).reduce((sum, line) => sum + line.length + 1, 0) + column;
  return { line: lines[row], column, offset };
}

/** @param {import("../session.js").Session} session */
function refused({ name, roles }) {
  return h(
    "section",
    { class: "state", role: "status" },
    h("h1", {}, "Raw SQL needs the role sql"),
    h("p", {}, `The token ${name} that you are signed in with has: ${roles.join(", ")}.`),
    h("p", {}, "All other views ask the API's own questions, which need the role read."),
  );
}
