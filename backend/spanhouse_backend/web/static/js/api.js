/**
 * Questions to the REST API (docs/http-api.md), and which of them are behind what is shown.
 *
 * An answer that has not changed costs its headers only: browsers send the ETag of what they keep, and `ask` then
 * returns the very same object as before, so that views can tell by `===` that there is nothing to draw.
 */

import { exactNumbers } from "./json.js";

const KEPT_ANSWERS = 60;
const ATTEMPTS = 3;
const BUSY = new Set([429, 503]);

/**
 * @typedef {Record<string, any>} Row
 * @typedef {{source: string, accuracy: string, from: string, to: string, notes: string[], rows: Row[]} & Record<string, any>} Answer
 * @typedef {{url: string, status: number, milliseconds: number, rows: number}} Call  `status` is 0 when there was no answer.
 */

/** What the server said no with: of which parameter, and at which column of it, as far as that is known. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{message: string, parameter?: string | null, column?: number | null}} problem
   */
  constructor(status, { message, parameter = null, column = null }) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.parameter = parameter;
    this.column = column;
  }
}

/** There was no answer at all. */
export class Unreachable extends Error {
  constructor() {
    super(`The server at ${location.origin} does not answer.`);
    this.name = "Unreachable";
  }
}

/** @type {Map<string, {tag: string, answer: any}>} */
const kept = new Map();
/** @type {Map<string, Call & {turn: number}>} */
const made = new Map();
let turns = 0;

/**
 * The answer to a question; parameters that are "" are left out.
 *
 * With `exactTimes`, fields ending in `_unix_ns` are BigInts: as numbers they are right to within 256 ns only. With
 * `asWritten`, all numbers that JavaScript would write otherwise stay as they are (./json.js). A server that is too busy is
 * asked again a little later, some times.
 *
 * @param {string} question  "functions", or "trace/<id>"
 * @param {Record<string, string | number | boolean | undefined>} parameters
 * @param {{signal?: AbortSignal, exactTimes?: boolean, asWritten?: boolean}} [how]
 * @returns {Promise<Answer>}
 * @throws {ApiError | Unreachable | DOMException} the last, named AbortError, when `signal` says so
 */
export async function ask(question, parameters, { signal, exactTimes = false, asWritten = false } = {}) {
  const url = urlOf(question, parameters);
  const response = await answered(url, signal);
  const tag = response.headers.get("ETag") ?? "";
  // Read in another way, it is another answer.
  const key = JSON.stringify([url, exactTimes, asWritten]);
  const before = kept.get(key);
  if (before && tag && before.tag === tag) {
    note(url, { rows: before.answer.rows.length });
    return before.answer;
  }
  const text = await response.text();
  const answer = JSON.parse(text, asWritten ? exactNumbers : exactTimes ? reviveTimes : undefined);
  note(url, { rows: answer.rows?.length ?? 0 });
  kept.delete(key);
  kept.set(key, { tag, answer });
  if (kept.size > KEPT_ANSWERS) {
    kept.delete(/** @type {string} */ (kept.keys().next().value));
  }
  return answer;
}

/**
 * The answer to a question as text, in whatever format the parameters ask for.
 * @param {string} question
 * @param {Record<string, string | number | boolean | undefined>} parameters
 * @param {{signal?: AbortSignal}} [how]
 * @returns {Promise<string>}
 * @throws {ApiError | Unreachable | DOMException} as `ask` does
 */
export async function askText(question, parameters, { signal } = {}) {
  const response = await answered(urlOf(question, parameters), signal);
  return response.text();
}

/**
 * Where a question is asked, below this server.
 * @param {string} question
 * @param {Record<string, string | number | boolean | undefined>} parameters
 */
export function urlOf(question, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `/api/v1/${question}${given.length ? `?${query}` : ""}`;
}

/**
 * The parameters that most questions take, out of the page's state.
 * @param {import("./state.js").State} state
 */
export function scope({ since, until, service, filter }) {
  return { since, until, service, filter };
}

/** What was asked since the last `forgetCalls`, once each, as it was asked, in whatever order answers came. @returns {Call[]} */
export function calls() {
  return [...made.values()].sort((one, other) => one.turn - other.turn);
}

/** For when another view begins. */
export function forgetCalls() {
  made.clear();
}

/** @param {string} url @param {AbortSignal} [signal] @returns {Promise<Response>} */
async function answered(url, signal) {
  const turn = turns++;
  for (let attempt = 1; ; attempt += 1) {
    const begun = performance.now();
    let response;
    try {
      response = await fetch(url, { signal, headers: { Accept: "application/json" } });
    } catch (error) {
      signal?.throwIfAborted();
      note(url, { status: 0 }, turn);
      throw new Unreachable();
    }
    note(url, { status: response.status, milliseconds: performance.now() - begun }, turn);
    if (response.ok) {
      return response;
    }
    if (!BUSY.has(response.status) || attempt === ATTEMPTS) {
      throw await refusal(response);
    }
    await pause(1000 * (Number(response.headers.get("Retry-After")) || 1), signal);
  }
}

/** @param {Response} response */
async function refusal(response) {
  try {
    return new ApiError(response.status, (await response.json()).error);
  } catch {
    return new ApiError(response.status, { message: `The server answered with status ${response.status}.` });
  }
}

/** @param {number} milliseconds @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/**
 * Notes that this is behind what is shown, or what became of it.
 * @param {string} url
 * @param {Partial<Call>} what
 * @param {number} [turn]  When it was asked, if that was not now: its place among the others. One that has a place keeps it.
 */
export function note(url, what, turn = turns++) {
  made.set(url, { url, status: 0, milliseconds: 0, rows: 0, turn, ...made.get(url), ...what });
}

/** @param {string} key @param {any} value @param {{source?: string}} [context] */
function reviveTimes(key, value, context) {
  // Browsers without `source` get the nearest number there is.
  return key.endsWith("_unix_ns") && typeof value === "number" ? BigInt(context?.source ?? value) : value;
}
