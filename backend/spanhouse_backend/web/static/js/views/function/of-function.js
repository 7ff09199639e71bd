/** What all parts of a function's page ask with. */

import { scope } from "../../api.js";

/** The parameters that pick the calls of the function. @param {import("../../state.js").State} state */
export function ofFunction(state) {
  return { ...scope(state), name: state.name };
}
