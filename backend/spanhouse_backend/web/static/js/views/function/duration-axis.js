/**
 * Durations on a logarithmic axis, which is drawn as a linear one of their binary logarithms: so that bands of durations
 * are steps of one height, and what is read off the axis is a band again.
 */

import { duration } from "../../format.js";

/** How many bands a doubling has on heatmaps, as a power of two: the API's `scale`. */
export const HEATMAP_SCALE = 2;
const FEW_MARKS = 10;
const PIXELS_A_MARK = 58;

/** Where a duration lies on the axis. @param {number} ns */
export function toAxis(ns) {
  return Math.log2(Math.max(ns, 0.5));
}

/**
 * The number of the band whose upper bound this is: band b ends at 2^((b + 1) / 2^scale), rounded down.
 * @param {number} upToNs
 * @param {number} scale
 */
export function bandEnding(upToNs, scale) {
  // A hair less, because the logarithm of a bound may come out above the whole number that it is.
  return upToNs < 1 ? -(2 ** scale) : Math.ceil(Math.log2(upToNs) * 2 ** scale - 1e-9) - 1;
}

/** The duration at which a band begins, whole as the API has them. @param {number} band @param {number} scale */
export function beginningOf(band, scale) {
  return band < 0 ? 0 : Math.floor(2 ** (band / 2 ** scale));
}

/**
 * Marks at round durations between two.
 * @param {number} least  On the axis.
 * @param {number} most
 * @param {number} [pixels]  How long the axis is, when it lies and marks are beside each other.
 * @returns {{tickmode: string, tickvals: number[], ticktext: string[]}}
 */
export function durationMarks(least, most, pixels = FEW_MARKS * PIXELS_A_MARK) {
  const round = [];
  for (let decade = 1; decade <= 1e15; decade *= 10) {
    round.push([decade, 1], [2 * decade, 2], [5 * decade, 2]);
  }
  const inside = round.filter(([ns]) => toAxis(ns) >= least - 1e-9 && toAxis(ns) <= most + 1e-9);
  const decades = inside.filter(([, kind]) => kind === 1);
  const chosen = (inside.length <= Math.min(FEW_MARKS, pixels / PIXELS_A_MARK) ? inside : decades).map(([ns]) => ns);
  return { tickmode: "array", tickvals: chosen.map(toAxis), ticktext: chosen.map(brief) };
}

/** A round duration without the digits that say nothing: "50 ms". @param {number} ns */
function brief(ns) {
  return duration(ns).replace(/\.0+(?=\D)/, "");
}

/**
 * Whole nanoseconds as the API takes them, exactly, and as short as that allows: "52.810649ms".
 * @param {number} ns
 */
export function exactLength(ns) {
  const units = /** @type {[number, string, number][]} */ ([
    [1e9, "s", 9],
    [1e6, "ms", 6],
    [1e3, "us", 3],
  ]);
  for (const [unit, name, digits] of units) {
    if (ns >= unit) {
      const fraction = String(Math.round(ns % unit)).padStart(digits, "0").replace(/0+$/, "");
      return `${Math.floor(ns / unit)}${fraction && "."}${fraction}${name}`;
    }
  }
  return `${ns}ns`;
}

const UNITS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86_400e9 };

/** The nanoseconds in a length of time as the API takes it; NaN for what is none. @param {string} text */
export function lengthNs(text) {
  const terms = [...text.trim().matchAll(/(\d+(?:\.\d+)?)([a-zµ]+)/g)];
  const whole = terms.map(([term]) => term).join("") === text.trim();
  const values = terms.map(([, number, unit]) => Number(number) * (UNITS[/** @type {keyof typeof UNITS} */ (unit)] ?? NaN));
  return whole && terms.length ? Math.round(values.reduce((sum, value) => sum + value)) : NaN;
}
