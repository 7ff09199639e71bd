/**
 * The spans of a trace as a tree in order of time, and where each stands in it.
 *
 * Traces come from the network: parents may be missing, spans their own ancestors, chains as deep as the trace is long.
 * Nothing here recurses, and every span is in the tree once.
 */

/**
 * @typedef {import("../../api.js").Row & {span_id: string, parent_span_id: string, service: string, name: string,
 *   start_unix_ns: bigint, duration_ns: number, self_ns: number, critical_ns: number, status: string}} SpanRow  Of the question `trace`.
 * @typedef {object} Span
 * @property {SpanRow} row
 * @property {number} start  Nanoseconds since the trace began.
 * @property {number} end
 * @property {number} depth  0 for a root.
 * @property {Span | undefined} parent
 * @property {Span[]} children  In order of start.
 * @property {number} size  Spans in its subtree, itself included.
 * @property {boolean} orphan  Its parent is not stored.
 * @property {[number, number][]} own  When none of its children ran: [start, end] each.
 */

/**
 * @typedef {object} Trace
 * @property {Span[]} spans  Each before its children.
 * @property {Map<string, Span>} byId
 * @property {number} length  Nanoseconds from the first start to the last end.
 * @property {string[]} services  In order of appearance.
 */

/** @param {SpanRow[]} rows @returns {Trace} */
export function traceOf(rows) {
  const first = rows.reduce((least, row) => (row.start_unix_ns < least ? row.start_unix_ns : least), rows[0].start_unix_ns);
  /** @type {Map<string, Span>} */
  const byId = new Map();
  const all = rows.map((row) => {
    const start = Number(row.start_unix_ns - first);
    /** @type {Span} */
    const span = { row, start, end: start + row.duration_ns, depth: 0, parent: undefined, children: [], size: 1, orphan: false, own: [] };
    if (!byId.has(row.span_id)) {
      byId.set(row.span_id, span);
    }
    return span;
  });
  for (const span of all) {
    const parent = byId.get(span.row.parent_span_id);
    span.orphan = Boolean(span.row.parent_span_id) && (!parent || parent === span);
    if (parent && parent !== span) {
      span.parent = parent;
      parent.children.push(span);
    }
  }
  const spans = inOrder(all);
  for (const span of [...spans].reverse()) {
    span.size = span.children.reduce((sum, child) => sum + child.size, 1);
    span.own = gaps(span);
  }
  return { spans, byId, length: Math.max(...spans.map(({ end }) => end), 1), services: [...new Set(rows.map(({ service }) => service))] };
}

/** Each before its children; what no root leads to, spans that are their own ancestors, hangs from the first of its kind. @param {Span[]} all */
function inOrder(all) {
  /** @type {Set<Span>} */
  const seen = new Set();
  /** @type {Span[]} */
  const ordered = [];
  for (const root of [...all.filter(({ parent }) => !parent), ...all]) {
    if (seen.has(root)) {
      continue;
    }
    if (root.parent) {
      root.parent.children = root.parent.children.filter((child) => child !== root);
      root.parent = undefined;
      root.orphan = true;
    }
    const stack = [root];
    for (let span = stack.pop(); span; span = stack.pop()) {
      seen.add(span);
      ordered.push(span);
      span.depth = span.parent ? span.parent.depth + 1 : 0;
      span.children = span.children.filter((child) => !seen.has(child));
      stack.push(...[...span.children].reverse());
    }
  }
  return ordered;
}

/** @param {Span} span @returns {[number, number][]} */
function gaps({ start, end, children }) {
  /** @type {[number, number][]} */
  const found = [];
  let until = start;
  for (const child of [...children].sort((one, other) => one.start - other.start)) {
    if (child.start > until) {
      found.push([until, Math.min(child.start, end)]);
    }
    until = Math.max(until, child.end);
    if (until >= end) {
      return found;
    }
  }
  found.push([until, end]);
  return found;
}

/**
 * The spans that can be seen when the subtrees of `collapsed` are folded away.
 * @param {Trace} trace
 * @param {Set<string>} collapsed  Span ids.
 * @returns {Span[]}
 */
export function unfolded({ spans }, collapsed) {
  const shown = [];
  for (let at = 0; at < spans.length; ) {
    shown.push(spans[at]);
    at += collapsed.has(spans[at].row.span_id) ? spans[at].size : 1;
  }
  return shown;
}

/**
 * A line for each span in which nothing else runs at its time, below its parent's.
 * @param {Trace} trace
 * @returns {{lines: Map<Span, number>, count: number}}
 */
export function lanes({ spans }) {
  /** What is on each line, in no order. @type {Span[][]} */
  const taken = [];
  const lines = new Map();
  for (const span of spans) {
    let line = span.parent ? lines.get(span.parent) + 1 : 0;
    while (taken[line]?.some((other) => other.start < span.end && span.start < other.end)) {
      line += 1;
    }
    (taken[line] ??= []).push(span);
    lines.set(span, line);
  }
  return { lines, count: taken.length };
}

/**
 * Round moments along an axis, some `count` of them.
 * @param {number} from  Nanoseconds.
 * @param {number} to
 * @param {number} count
 */
export function ticks(from, to, count) {
  const rough = Math.max((to - from) / count, 1);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((one) => one >= rough) ?? rough;
  const found = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) {
    found.push(tick);
  }
  return found;
}
