/** What `compare` found about one function, in words: which way, by how much, and how sure that is. */

import { changeBy, count, duration, percent } from "../../format.js";

const UNITS = /** @type {[string, number][]} */ ([
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
]);

/**
 * A length of whole minutes as people say it: "hour", "19 minutes", "1.5 days".
 * @param {number} seconds
 */
export function lengthInWords(seconds) {
  // A window of an hour is answered by the sixty-one minutes that it touches.
  const [name, unit] = UNITS.find(([, length]) => seconds >= length) ?? ["second", 1];
  const number = Number((seconds / unit).toFixed(seconds >= 10 * unit ? 0 : 1));
  return Math.abs(seconds - unit) <= 60 && unit > 60 ? name : `${number} ${name}${number === 1 ? "" : "s"}`;
}

/** "slower", "faster", "no clear difference", ... @param {import("../../api.js").Row} row */
export function headline(row) {
  const worse = row.errors === "more";
  const better = row.errors === "fewer";
  const speed = { slower: "Slower", faster: "Faster" }[/** @type {string} */ (row.verdict)];
  const failing = worse ? "fails more often" : better ? "fails less often" : "";
  if (speed) {
    return failing ? `${speed}, and ${failing}` : speed;
  }
  if (failing) {
    return `F${failing.slice(1)}`;
  }
  return row.verdict === "too_little_data" ? "Too few calls to tell" : "No clear difference";
}

/** Whether it is good news, bad, or none. @param {import("../../api.js").Row} row @returns {"worse" | "better" | ""} */
export function kindOfNews(row) {
  if (row.verdict === "slower" || row.errors === "more") {
    return "worse";
  }
  return row.verdict === "faster" || row.errors === "fewer" ? "better" : "";
}

/**
 * The numbers that the headline rests on, each a sentence's part.
 * @param {import("../../api.js").Row} row
 * @returns {string[]}
 */
export function reasons(row) {
  const found = [];
  for (const what of row.changed) {
    const level = what === "typical" ? 0.5 : Number(what.slice(1)) / 100;
    const shift = row.percentiles.find((/** @type {any} */ one) => Math.abs(one.level - level) < 1e-9);
    const name = what === "typical" ? "half of the calls" : what;
    if (shift) {
      found.push(`${name} took ${duration(shift.candidate_ns)} instead of ${duration(shift.baseline_ns)} (${changeBy(shift.ratio)})`);
    }
  }
  if (row.errors === "more" || row.errors === "fewer") {
    found.push(
      `${percent(row.candidate_errors / row.candidate_calls)} of calls failed instead of ${percent(row.baseline_errors / row.baseline_calls)}`,
    );
  }
  if (!found.length && row.verdict === "too_little_data") {
    found.push(`${count(row.baseline_calls)} calls then, ${count(row.candidate_calls)} now`);
  }
  return found;
}

/** "p < 0.001", "p = 0.03". @param {number} value */
export function pValue(value) {
  return value < 0.001 ? "p < 0.001" : `p = ${value.toPrecision(1)}`;
}
