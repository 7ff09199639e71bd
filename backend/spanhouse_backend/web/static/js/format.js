/**
 * Numbers as people read them: three digits that matter, whatever the size, so that columns line up and compare at a
 * glance. The unit follows after a space that does not break.
 */

const SPACE = "\u00a0";
const MICRO = 1e3;
const MILLI = 1e6;
const SECOND = 1e9;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const WHOLE = new Intl.NumberFormat("en");

/**
 * A length of time: "0 ns", "14.2 µs", "1.50 ms", "59.9 s", "2m 05s", "3h 20m", "4d 02h".
 * @param {number | bigint | null | undefined} nanoseconds
 * @returns {string} "–" for none
 */
export function duration(nanoseconds) {
  if (nanoseconds === null || nanoseconds === undefined) {
    return "–";
  }
  const ns = Number(nanoseconds);
  if (ns < 0) {
    return `−${duration(-ns)}`;
  }
  if (ns < MICRO && Number.isInteger(ns)) {
    return `${ns}${SPACE}ns`;
  }
  // A value that would round up to a thousand is one of the next unit; to sixty seconds, a minute.
  for (const [unit, name, most] of /** @type {[number, string, number][]} */ ([
    [1, "ns", 1000],
    [MICRO, "µs", 1000],
    [MILLI, "ms", 1000],
    [SECOND, "s", 60],
  ])) {
    const text = digits(ns / unit);
    if (Number(text) < most) {
      return text + SPACE + name;
    }
  }
  if (Math.round(ns / SECOND) < 3600) {
    return pair(Math.round(ns / SECOND), 60, "m", "s");
  }
  if (Math.round(ns / MINUTE) < 24 * 60) {
    return pair(Math.round(ns / MINUTE), 60, "h", "m");
  }
  return pair(Math.round(ns / HOUR), 24, "d", "h");
}

/** A whole number, all of it: "30,112". @param {number} number */
export function count(number) {
  return WHOLE.format(number);
}

/** A whole number where there is little room: "999", "30.1k", "1.25M". @param {number} number */
export function short(number) {
  if (number < 10_000) {
    return count(number);
  }
  for (const [unit, name] of /** @type {[number, string][]} */ ([
    [1e3, "k"],
    [1e6, "M"],
    [1e9, "G"],
  ])) {
    const text = digits(number / unit);
    if (Number(text) < 1000) {
      return text + name;
    }
  }
  return `${digits(number / 1e12)}T`;
}

/** How often, in the unit that makes it one or more: "12.5/s", "3.00/min", "0.20/h". @param {number} perSecond */
export function rate(perSecond) {
  if (!perSecond) {
    return "0/s";
  }
  if (perSecond >= 1) {
    return `${perSecond < 10_000 ? digits(perSecond) : short(Math.round(perSecond))}/s`;
  }
  return perSecond * 60 >= 1 ? `${digits(perSecond * 60)}/min` : `${digits(perSecond * 3600)}/h`;
}

/** A share: "0%", "<0.01%", "0.52%", "12.5%", "100%"; what is not quite all is not called so. @param {number} share */
export function percent(share) {
  const value = share * 100;
  if (value === 0 || value === 100) {
    return `${value}%`;
  }
  if (value < 0.01) {
    return "<0.01%";
  }
  const text = value < 1 ? value.toFixed(2) : digits(value);
  return Number(text) === 100 ? ">99.9%" : `${text}%`;
}

/** How many times as much: "1.05×", "29.3×". @param {number} value */
export function times(value) {
  return `${value >= 10_000 ? short(Math.round(value)) : digits(value)}×`;
}

/** A change by a factor, with its direction: "+12.5%", "−3.0%", "×4.2"; "±0%" when too small to say. @param {number} ratio */
export function changeBy(ratio) {
  if (!Number.isFinite(ratio)) {
    return "new";
  }
  if (ratio >= 3) {
    return `×${digits(ratio)}`;
  }
  const text = (Math.abs(ratio - 1) * 100).toFixed(1);
  return text === "0.0" ? "±0%" : `${ratio > 1 ? "+" : "−"}${text}%`;
}

/** Three digits that matter, and never fewer than all before the point. @param {number} value */
function digits(value) {
  const two = value.toFixed(2);
  if (Number(two) < 10) {
    return two;
  }
  const one = value.toFixed(1);
  return Number(one) < 100 ? one : value.toFixed(0);
}

/** @param {number} value @param {number} base @param {string} larger @param {string} smaller */
function pair(value, base, larger, smaller) {
  return `${Math.floor(value / base)}${larger}${SPACE}${String(value % base).padStart(2, "0")}${smaller}`;
}
