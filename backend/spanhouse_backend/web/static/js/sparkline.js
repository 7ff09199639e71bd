/** A line as high as a line of text: how one number went. */

import { svg } from "./dom.js";

const WIDTH = 96;
const HEIGHT = 22;
const EDGE = 2;

/**
 * @param {(number | null)[]} values  null where there is none: the line is broken there
 * @param {string} label  The same in words.
 * @returns {SVGSVGElement}
 */
export function sparkline(values, label) {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const x = (/** @type {number} */ index) => EDGE + (index * (WIDTH - 2 * EDGE)) / Math.max(1, values.length - 1);
  // What never changes is a line in the middle.
  const share = (/** @type {number} */ value) => (most > least ? (value - least) / (most - least) : 0.5);
  const y = (/** @type {number} */ value) => HEIGHT - EDGE - share(value) * (HEIGHT - 2 * EDGE);
  const point = (/** @type {number} */ value, /** @type {number} */ index) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;

  const runs = runsOf(values);
  const lines = runs.filter((run) => run.length > 1);
  const path = lines.map((run) => `M${run.map(([index, value]) => point(value, index)).join("L")}`).join("");
  const alone = runs.filter((run) => run.length === 1);
  return svg(
    "svg",
    { class: "spark", role: "img", "aria-label": label, width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
    svg("title", {}, label),
    path && svg("path", { d: path }),
    alone.map(([[index, value]]) => svg("circle", { cx: x(index).toFixed(1), cy: y(value).toFixed(1), r: 1.5 })),
  );
}

/**
 * The stretches without a gap, as [index, value].
 * @param {(number | null)[]} values
 * @returns {[number, number][][]}
 */
function runsOf(values) {
  /** @type {[number, number][][]} */
  const runs = [];
  values.forEach((value, index) => {
    if (value === null) {
      return;
    }
    if (index && values[index - 1] !== null) {
      /** @type {[number, number][]} */ (runs.at(-1)).push([index, value]);
    } else {
      runs.push([[index, value]]);
    }
  });
  return runs;
}
