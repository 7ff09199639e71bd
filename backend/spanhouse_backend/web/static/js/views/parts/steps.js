/** How long the steps of charts over time are: a choice that those charts share. */

import { h } from "../../dom.js";
import { change } from "../../state.js";

/** As the API takes them; "" is whatever suits. @type {readonly (readonly [string, string])[]} */
const STEPS = [
  ["", "auto"],
  ["1s", "second"],
  ["10s", "10 s"],
  ["1m", "minute"],
  ["5m", "5 min"],
  ["15m", "15 min"],
  ["1h", "hour"],
  ["1d", "day"],
  ["1w", "week"],
];

/** A choice of one of a few, kept in the URL under `name`. @param {string} name @param {string} label @param {readonly (readonly [string, string])[]} options */
export function choice(name, label, options) {
  const select = h(
    "select",
    // Or its name would be all of its options.
    { "aria-label": label, onchange: () => change({ [name]: select.value }) },
    options.map(([value, text]) => h("option", { value }, text)),
  );
  return {
    element: h("label", {}, `${label} `, select),
    /** @param {import("../../state.js").State} state */
    show(state) {
      const value = state[name] ?? "";
      if (![...select.options].some((option) => option.value === value)) {
        select.append(h("option", { value }, value));
      }
      select.value = value;
    },
  };
}

export function stepChoice() {
  return choice("step", "Step", STEPS);
}
