/** Severities of log records, from the least to the most, in OpenTelemetry's words: each has a colour, and is never it alone. */

import { h } from "./dom.js";

/** As the API has them. */
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
/** What a record is of whose sender gave none. */
export const UNSPECIFIED = "unspecified";
const NUMBERS_A_LEVEL = 4;

/** The word for a severity number, 1 to 24; "unspecified" for 0. @param {number} number */
function levelOf(number) {
  return number > 0 ? LEVELS[Math.min(Math.ceil(number / NUMBERS_A_LEVEL), LEVELS.length) - 1] : UNSPECIFIED;
}

/** A record's severity: the sender's own word for it, with the colour of its level. @param {{severity: string, severity_number: number}} row */
export function severity({ severity: word, severity_number: number }) {
  const level = levelOf(number);
  const title = number ? `${level}, severity ${number}` : "no severity was given";
  return h("span", { class: `level level-${level}`, title }, h("bdi", {}, word.slice(0, 20) || (number ? level : "–")));
}
