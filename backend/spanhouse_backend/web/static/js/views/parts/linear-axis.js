/** An axis from nothing up, with marks at round numbers of whatever unit. */

/**
 * @param {number} most  What is drawn highest.
 * @param {(value: number) => string} write  A number as people read it.
 */
export function linearAxis(most, write) {
  const top = most * 1.06 || 1;
  const rough = top / 5;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * decade).find((round) => round >= rough) ?? rough;
  // Rounded to the digits that a round number has, which multiples of a fraction are not.
  const tickvals = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
  return { range: [0, top], tickmode: "array", tickvals, ticktext: tickvals.map((value) => write(value).replace(/\.0+(?=\D|$)/, "")) };
}
