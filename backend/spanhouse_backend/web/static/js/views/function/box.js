/**
 * A box on the heatmap: calls that began in a part of the window and took longer than one duration, and no longer than
 * another. It is kept in the URL as the API takes its parts, "from..to,over..upTo", and any of the four may be left out.
 */

import { duration } from "../../format.js";
import { exactLength, lengthNs, toAxis } from "./duration-axis.js";
import { span } from "../parts/time-axis.js";

/** @typedef {{from: string, to: string, over: string, upTo: string}} Box  Times and lengths of time; "" is no bound. */

const FORM = /^(?:([^,]*?)\.\.([^,]*?))?,(?:([^,]*?)\.\.([^,]*))?$/;

/** The box of the page; null when there is none, or nothing that reads as one. @param {import("../../state.js").State} state @returns {Box | null} */
export function boxOf({ box }) {
  const found = FORM.exec(box ?? "");
  if (!found) {
    return null;
  }
  const [, from = "", to = "", over = "", upTo = ""] = found.map((part) => part?.trim() ?? "");
  return from || to || over || upTo ? { from, to, over, upTo } : null;
}

/** @param {Box} box */
export function written({ from, to, over, upTo }) {
  const range = (/** @type {string} */ one, /** @type {string} */ other) => (one || other ? `${one}..${other}` : "");
  const text = `${range(from, to)},${range(over, upTo)}`;
  return text === "," ? "" : text;
}

/** A box of whole steps and bands. @param {{from: string, to: string, overNs: number, upToNs: number}} cells @returns {Box} */
export function boxOfCells({ from, to, overNs, upToNs }) {
  // Longer than nothing would leave out the calls that took none.
  return { from, to, over: overNs ? exactLength(overNs) : "", upTo: exactLength(Math.max(1, upToNs)) };
}

/**
 * The parameters of the question `spans` that give exactly what is inside.
 * @param {Box} box
 * @param {Record<string, string>} asked  Those of the function.
 */
export function spansInside({ from, to, over, upTo }, { since, until, filter, ...others }) {
  const terms = [filter && `(${filter})`, over && `duration>${over}`, upTo && `duration<=${upTo}`].filter(Boolean);
  // Without an end, a whole window such as "..±5m" would be cut short by one of ours.
  return { ...others, since: from || since, until: to || (from ? "" : until), filter: terms.join(" ") };
}

/**
 * The parameters of `attribute_impact` that hold what is inside against the rest of the window.
 * @param {Box} box
 * @param {Record<string, string>} asked
 * @param {{from: string, to: string}} window
 */
export function impactOf({ from, to, over, upTo }, asked, window) {
  const begin = from && Date.parse(from) < Date.parse(window.from) ? from : window.from;
  const end = to && Date.parse(to) > Date.parse(window.to) ? to : window.to;
  return {
    ...asked,
    since: begin,
    until: end,
    // Nothing said of durations would be the slowest twentieth.
    slower_than: over || "0ns",
    up_to: upTo,
    during: from || to ? `${from || begin}..${to || end}` : "",
  };
}

/** The box in words. @param {Box} box @param {string} zone */
export function inWords({ from, to, over, upTo }, zone) {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const when = from && to && !Number.isNaN(begin + end) ? span(begin, end, zone) : from || to ? `${from || "the beginning"} – ${to || "the end"}` : "the whole window";
  const [least, most] = [over, upTo].map((text) => (text ? duration(lengthNs(text)) : ""));
  const howLong = least && most ? `${least} to ${most}` : least ? `longer than ${least}` : most ? `up to ${most}` : "however long";
  return `${when}, ${howLong}`;
}

/** What is wrong with it; "" for nothing that can be told here. @param {Box} box */
export function problemOf({ over, upTo }) {
  for (const text of [over, upTo]) {
    if (text && Number.isNaN(lengthNs(text))) {
      return `${text} is not a length of time: write 50ms, 1.5s or 200us.`;
    }
  }
  return over && upTo && lengthNs(upTo) <= lengthNs(over) ? `${upTo} is not longer than ${over}.` : "";
}

/**
 * Where it begins and ends on an axis of time, of which it is all that it does not say.
 * @param {Box} box
 * @param {number} begin
 * @param {number} end
 */
export function timesOf({ from, to }, begin, end) {
  return [from ? Date.parse(from) : begin, to ? Date.parse(to) : end].map((ms, index) => (Number.isNaN(ms) ? [begin, end][index] : ms));
}

/**
 * The same on an axis of durations.
 * @param {Box} box
 * @param {number} least
 * @param {number} most
 */
export function durationsOf({ over, upTo }, least, most) {
  const places = [over ? toAxis(lengthNs(over)) : least, upTo ? toAxis(lengthNs(upTo)) : most];
  return places.map((place, index) => (Number.isNaN(place) ? [least, most][index] : place));
}

/**
 * It as Plotly draws it.
 * @param {number[]} x
 * @param {number[]} y
 * @param {object} [more]
 */
export function shapeOf([x0, x1], [y0, y1], more = {}) {
  return { type: "rect", x0, x1, y0, y1, line: { color: "#e8590c", width: 2 }, fillcolor: "rgba(232, 89, 12, 0.08)", ...more };
}
