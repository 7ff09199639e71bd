/**
 * Keys that do something wherever one is: "/", "?", or two after each other, "g f". They never act while somebody
 * types, and leave alone whatever is pressed together with Ctrl, Alt or Meta.
 */

const SECOND_KEY_WITHIN_MS = 1500;

/** @type {Map<string, {does: string, act: () => void}>} */
const bound = new Map();
let pending = "";
let pendingSince = 0;

/**
 * @param {string} keys  "r", or two with a space between them
 * @param {string} does  For the help: what happens.
 * @param {() => void} act
 * @returns {() => void} takes it back, for a view that is left
 */
export function bind(keys, does, act) {
  const binding = { does, act };
  bound.set(keys, binding);
  return () => {
    if (bound.get(keys) === binding) {
      bound.delete(keys);
    }
  };
}

/** All of them, as [keys, what they do]. @returns {[string, string][]} */
export function bindings() {
  return [...bound].map(([keys, { does }]) => [keys, does]);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || isTyping(event.target)) {
    return;
  }
  const second = pending && event.timeStamp - pendingSince < SECOND_KEY_WITHIN_MS ? `${pending} ${event.key}` : "";
  pending = "";
  const binding = bound.get(second) ?? bound.get(event.key);
  if (binding) {
    event.preventDefault();
    binding.act();
  } else if ([...bound.keys()].some((keys) => keys.startsWith(`${event.key} `))) {
    pending = event.key;
    pendingSince = event.timeStamp;
  }
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  const inDialog = document.querySelector("dialog[open]");
  return inDialog || (target instanceof Element && target.closest("input, textarea, select, [contenteditable]"));
}

addEventListener("keydown", pressed);
