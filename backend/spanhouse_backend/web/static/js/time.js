/**
 * Windows of time and the clocks they are shown by. What a time means is decided by the server (docs/queries.md); here
 * is only what it cannot know: the zone in which somebody typed "09:30".
 */

/** Windows one click away, as `since` has them. @type {readonly (readonly [string, string])[]} */
export const RECENT = [
  ["5m", "Last 5 minutes"],
  ["15m", "Last 15 minutes"],
  ["30m", "Last 30 minutes"],
  ["1h", "Last hour"],
  ["3h", "Last 3 hours"],
  ["6h", "Last 6 hours"],
  ["12h", "Last 12 hours"],
  ["24h", "Last 24 hours"],
  ["2d", "Last 2 days"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
  ["60d", "Last 60 days"],
  ["", "Everything stored"],
];

const WITHOUT_ZONE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(?=$|±|\+-|\.\.|-\d|\+\d+(?:\.\d+)?[a-zµ])/;

/** A window in words. @param {import("./state.js").State} state */
export function windowInWords({ since, until, zone }) {
  const recent = RECENT.find(([age]) => age === since);
  if (recent && !until) {
    return recent[1];
  }
  if (!until) {
    return /^(now-)?([0-9]+[smhdw])+$/.test(since) ? `Last ${since.replace("now-", "")}` : readable(since, zone);
  }
  return `${readable(since, zone) || "the first span"} – ${readable(until, zone)}`;
}

/** The name of a zone: that of the browser for "". @param {string} zone */
export function zoneName(zone) {
  return zone || Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** All zones there are, UTC first. @returns {string[]} */
export function zones() {
  return ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
}

/**
 * A moment by the clocks of a zone, as "2026-01-31 09:30:00".
 * @param {number | bigint | string} moment  ISO 8601, or Unix nanoseconds
 * @param {string} zone
 * @param {{date?: boolean, milliseconds?: boolean}} [how]
 */
export function clock(moment, zone, { date = true, milliseconds = false } = {}) {
  const ms = millisecondsOf(moment);
  if (Number.isNaN(ms)) {
    return String(moment);
  }
  const part = parts(ms, zone);
  const time = `${part.hour}:${part.minute}:${part.second}${milliseconds ? `.${part.fractionalSecond}` : ""}`;
  return date ? `${part.year}-${part.month}-${part.day} ${time}` : time;
}

/** How far the clocks of a zone are ahead of UTC at a moment: "+01:00". @param {number} ms @param {string} zone */
export function offset(ms, zone) {
  const part = new Intl.DateTimeFormat("en", { timeZone: zoneName(zone), timeZoneName: "longOffset" })
    .formatToParts(ms)
    .find(({ type }) => type === "timeZoneName");
  return part?.value.replace("GMT", "") || "+00:00";
}

/**
 * What somebody typed, with the zone that they meant: times that name none are those of the chosen zone's clocks, where
 * the server would take them for UTC. Everything else is left as it is, also what is wrong.
 * @param {string} text
 * @param {string} zone
 */
export function inZone(text, zone) {
  const typed = text.trim();
  const found = WITHOUT_ZONE.exec(typed);
  if (!found) {
    return typed;
  }
  const [all, day, time = "00:00"] = found;
  const asIfUtc = Date.parse(`${day}T${time}Z`);
  if (Number.isNaN(asIfUtc)) {
    return typed;
  }
  // The offset of that moment, which is itself an offset away from what it was first looked up for.
  const guess = asIfUtc - minutes(offset(asIfUtc, zone)) * 60_000;
  return `${day}T${time}${offset(guess, zone)}${typed.slice(all.length)}`;
}

/**
 * The window as long as the answered one and right before it, in whole minutes; null when there is none.
 * @param {{from: string, to: string}} answer
 * @returns {{baseline: string, candidate: string, seconds: number} | null}
 */
export function windowBefore({ from, to }) {
  const begin = Math.ceil(Date.parse(from) / 60_000) * 60_000;
  const end = Math.floor(Date.parse(to) / 60_000) * 60_000;
  if (!(begin > 0 && end > begin) || 2 * begin - end <= 0) {
    return null;
  }
  const [before, start, stop] = [2 * begin - end, begin, end].map((ms) => new Date(ms).toISOString().replace(".000", ""));
  return { baseline: `${before}..${start}`, candidate: `${start}..${stop}`, seconds: (end - begin) / 1000 };
}

/** @param {string} text @param {string} zone */
function readable(text, zone) {
  return /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? clock(text, zone) : text;
}

/** @param {number | bigint | string} moment */
function millisecondsOf(moment) {
  return typeof moment === "string" ? Date.parse(moment) : Number(BigInt(moment) / 1_000_000n);
}

/** Making one takes longer than a hundred uses of it. @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/** @param {number} ms @param {string} zone @returns {Record<string, string>} */
function parts(ms, zone) {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en", {
      timeZone: zoneName(zone),
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3,
    });
    clocks.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
}

/** @param {string} text  "+05:30" */
function minutes(text) {
  const [hours, rest] = text.slice(1).split(":").map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + (rest || 0));
}
