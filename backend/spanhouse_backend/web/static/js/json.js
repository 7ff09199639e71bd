/** JSON that somebody else wrote, to be shown: spread out into its leaves, and with every digit that it has. */

/**
 * What a text says as JSON, if it is an object or a list; undefined for others. Numbers that JavaScript's own would round
 * stay as they were written, in browsers that know how.
 * @param {string} body
 * @returns {any}
 */
export function jsonOf(body) {
  if (!/^\s*[[{]/.test(body)) {
    return undefined;
  }
  try {
    return JSON.parse(body, exactNumbers);
  } catch {
    return undefined;
  }
}

/** The leaves of a JSON object, by their paths: "order.items.0.price". @param {any} value @returns {Map<string, string>} */
export function leaves(value) {
  /** @type {Map<string, string>} */
  const found = new Map();
  const walk = (/** @type {any} */ part, /** @type {string} */ path) => {
    if (json.isRawJSON?.(part)) {
      found.set(path, part.rawJSON);
    } else if (part !== null && typeof part === "object") {
      Object.entries(part).forEach(([key, inner]) => walk(inner, path ? `${path}.${key}` : key));
    } else if (path) {
      found.set(path, String(part));
    }
  };
  walk(value, "");
  return found;
}

/** @type {any} newer than what editors know of it */
const json = JSON;

/** For JSON.parse. @param {string} _key @param {any} value @param {{source?: string}} [context] */
export function exactNumbers(_key, value, context) {
  const rounded = typeof value === "number" && context?.source && String(value) !== context.source;
  return rounded && json.rawJSON ? json.rawJSON(context.source) : value;
}

/** A value on one line: a text as it is, everything else as JSON. @param {any} value */
export function textOf(value) {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}
