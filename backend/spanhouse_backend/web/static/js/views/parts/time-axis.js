/**
 * The axis of time of a chart: in milliseconds, which every zone shares, with marks at the round times of one zone's
 * clocks. Dragging along it makes the dragged part the window of the whole page.
 */

import { change } from "../../state.js";
import { clock, offset } from "../../time.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ROUND_MS = [1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND).concat(
  [1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  [1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  [1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY),
);
const PIXELS_A_MARK = 90;
// Rollups answer whole minutes: a window of some minutes and a few seconds would be answered as a longer one.
const MINUTES_FROM = 10 * MINUTE;

/** Unix nanoseconds of a step's begin, which is a whole second, in milliseconds. @param {number} unixNs */
export function toMs(unixNs) {
  return Math.round(unixNs / 1e9) * SECOND;
}

/** A moment as the API takes it. @param {number} ms */
export function iso(ms) {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/**
 * Plotly's axis from one moment to another.
 * @param {number} fromMs
 * @param {number} toMs
 * @param {string} zone
 * @param {number} pixels  How wide it is, about.
 */
export function timeAxis(fromMs, toMs, zone, pixels) {
  const most = Math.max(2, Math.floor(pixels / PIXELS_A_MARK));
  const step = ROUND_MS.find((ms) => (toMs - fromMs) / ms <= most) ?? Math.ceil((toMs - fromMs) / most / DAY) * DAY;
  const tickvals = [];
  for (let mark = roundUp(fromMs, step, zone); mark <= toMs; mark = roundUp(mark + 1, step, zone)) {
    tickvals.push(mark);
  }
  const ticktext = tickvals.map((mark, index) => label(mark, step, zone, index ? tickvals[index - 1] : undefined));
  return { type: "linear", range: [fromMs, toMs], tickmode: "array", tickvals, ticktext, zeroline: false };
}

/** "12:05 – 12:10", with the day when the two are not of one. @param {number} fromMs @param {number} toMs @param {string} zone */
export function span(fromMs, toMs, zone) {
  const [begin, end] = [fromMs, toMs].map((ms) => clock(iso(ms), zone));
  const oneDay = begin.slice(0, 10) === end.slice(0, 10);
  const short = (/** @type {string} */ text) => text.replace(/:00$/, "");
  return `${short(begin)} – ${short(oneDay ? end.slice(11) : end)}`;
}

/**
 * Makes what is dragged on a chart's axis of time the page's window.
 * @param {import("../../chart.js").Plot} plot  That has been drawn.
 * @param {() => Record<string, string>} [along]  What else of the page's state changes then.
 */
export function zoomsWindow(plot, along = () => ({})) {
  plot.on("plotly_relayout", (what) => {
    const [from, to] = [what["xaxis.range[0]"], what["xaxis.range[1]"]];
    if (typeof from === "number" && typeof to === "number") {
      const unit = to - from >= MINUTES_FROM ? MINUTE : SECOND;
      const since = Math.floor(from / unit) * unit;
      change({ ...along(), since: iso(since), until: iso(Math.max(since + unit, Math.ceil(to / unit) * unit)) });
    }
  });
}

/** The first round time of the zone's clock that is not before. @param {number} ms @param {number} step @param {string} zone */
function roundUp(ms, step, zone) {
  const shift = shiftAt(ms, zone);
  const shown = Math.ceil((ms + shift) / step) * step;
  // The clock may be set between the two, which days go along with and hours do not.
  return shown - (step < DAY ? shift : shiftAt(shown - shift, zone));
}

/** How far the zone's clock is ahead of UTC. @param {number} ms @param {string} zone */
function shiftAt(ms, zone) {
  const [, sign, hours, minutes = "0"] = /** @type {RegExpExecArray} */ (/([+-])(\d+):?(\d+)?/.exec(offset(ms, zone)));
  return (sign === "-" ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
}

/** @param {number} ms @param {number} step @param {string} zone @param {number | undefined} before */
function label(ms, step, zone, before) {
  const text = clock(iso(ms), zone);
  const day = text.slice(5, 10);
  if (step >= DAY) {
    return text.slice(0, 10);
  }
  const time = step >= MINUTE ? text.slice(11, 16) : text.slice(11);
  const newDay = before === undefined ? false : clock(iso(before), zone).slice(5, 10) !== day;
  return newDay ? `${time}<br>${day}` : time;
}
