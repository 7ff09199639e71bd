/**
 * Charts by plotly.js, which the server brings along and which is loaded when the first one is drawn. Colours are those
 * of the style sheet, also when it turns dark; sizes those of the element; and what a chart shows is said in words, for
 * those who do not see it.
 */

import { h } from "./dom.js";
import { LEVELS, UNSPECIFIED } from "./levels.js";
import { onTheme } from "./theme.js";

/**
 * @typedef {Record<string, any>} Plotly  The library's API.
 * @typedef {HTMLElement & {on: (event: string, listener: (what: any) => void) => void}} Plot  An element with a plot in it.
 */

const CONFIG = {
  displaylogo: false,
  responsive: false,
  doubleClick: "reset",
  showTips: false,
  // All others do what dragging does, but one: that one takes the data to another server.
  modeBarButtons: [["toImage"]],
};
const SHOWN_CHARACTERS = 300;
/** plotly.js brings the style sheet of a map with it, and leaves it out where this id is there already. */
const MAP_STYLE = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

/** @type {Promise<Plotly> | undefined} */
let loaded;

/** @returns {Promise<Plotly>} */
function plotly() {
  loaded ??= new Promise((resolve, reject) => {
    document.head.append(h("meta", { id: MAP_STYLE }));
    const script = h("script", { src: document.documentElement.dataset.plotly });
    script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly));
    script.addEventListener("error", () => {
      loaded = undefined;
      reject(new Error("The server did not send plotly.js: load the page again."));
    });
    document.head.append(script);
  });
  return loaded;
}

/**
 * One chart, from its first drawing to `close`.
 *
 *     const chart = new Chart("Percentiles over time");
 *     root.append(chart.element);
 *     await chart.draw(traces, layout, "p99 went from 12 ms to 40 ms.");
 *     chart.plot.on("plotly_selected", ..);
 */
export class Chart {
  /** @param {string} label  What it is a chart of. */
  constructor(label) {
    this.plot = /** @type {Plot} */ (/** @type {unknown} */ (h("div", { class: "plot", role: "group", "aria-label": label })));
    this.summary = h("figcaption", { class: "unseen" });
    this.element = h("figure", { class: "chart" }, this.plot, this.summary);
    this.size = "";
    this.resizing = new ResizeObserver(() => this.resize());
    this.unsubscribe = onTheme(() => this.redraw());
    /** What has to end before it may be drawn anew, which would break it off: that somebody drags. @type {Promise<unknown> | undefined} */
    this.dragged = undefined;
    this.plot.addEventListener("pointerdown", () => {
      this.dragged = pointerReleased();
    });
    /** @type {{traces: (colours: Colours) => object[], layout: object} | undefined} */
    this.drawn = undefined;
  }

  /**
   * Draws, or draws anew what has changed; what a user has zoomed into stays as long as `layout.uirevision` does.
   * @param {(colours: Colours) => object[]} traces  As Plotly has them, in the colours of the moment.
   * @param {object} layout  What differs from the house's own.
   * @param {string} summary  The chart in words.
   */
  async draw(traces, layout, summary) {
    this.drawn = { traces, layout };
    this.summary.textContent = summary;
    await this.redraw();
    this.resizing.observe(this.element);
  }

  /** Lets go of the element; without it, Plotly would keep it. */
  close() {
    this.drawn = undefined;
    this.resizing.disconnect();
    this.unsubscribe();
    loaded?.then((library) => library.purge(this.plot));
  }

  async redraw() {
    const library = await plotly();
    await this.dragged;
    // Closed meanwhile.
    if (this.drawn) {
      const { traces, layout } = this.drawn;
      const theme = colours();
      await library.react(this.plot, traces(theme), merged(houseLayout(theme), layout), CONFIG);
      this.size = sizeOf(this.plot);
    }
  }

  async resize() {
    const library = await plotly();
    await this.dragged;
    // An observer's first word is of the size in which it was just drawn.
    if (this.drawn && this.plot.clientWidth && this.size !== sizeOf(this.plot)) {
      this.size = sizeOf(this.plot);
      library.Plots.resize(this.plot);
    }
  }
}

/** @param {HTMLElement} plot */
function sizeOf({ clientWidth, clientHeight }) {
  return `${clientWidth} x ${clientHeight}`;
}

/** Resolves when it was, and whoever listens for it has been told. */
function pointerReleased() {
  return new Promise((resolve) => {
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => setTimeout(resolve), { once: true });
    }
  });
}

/** Plotly reads some markup wherever it writes text: what looks like it is to stay text. @param {string} text */
export function plain(text) {
  return text.slice(0, SHOWN_CHARACTERS).replaceAll("<", "‹");
}

/** @typedef {ReturnType<typeof colours>} Colours */

/** The style sheet's colours, as they are now. */
export function colours() {
  // A property itself would read "light-dark(..)": what an element makes of it is one of the two.
  const probe = h("span", { hidden: true });
  document.body.append(probe);
  const colour = (/** @type {string} */ name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    text: colour("--text"),
    muted: colour("--muted"),
    line: colour("--line"),
    surface: colour("--surface"),
    accent: colour("--accent"),
    error: colour("--error"),
    /** Lines of one chart, in order; told apart by those who do not see all colours, too. */
    series: [1, 2, 3, 4, 5, 6].map((number) => colour(`--series-${number}`)),
    /** Of severities, by their words. */
    levels: Object.fromEntries([...LEVELS, UNSPECIFIED].map((level) => [level, colour(`--level-${level}`)])),
    /** From few to many, as Plotly's colour scales. */
    scale: [0, 1, 2, 3, 4].map((number) => [number / 4, colour(`--scale-${number}`)]),
  };
  probe.remove();
  return found;
}

/** @param {Colours} theme */
function houseLayout(theme) {
  const family = getComputedStyle(document.body).fontFamily;
  const axis = { gridcolor: theme.line, linecolor: theme.line, zerolinecolor: theme.line, automargin: true };
  return {
    autosize: true,
    margin: { l: 8, r: 8, t: 8, b: 8 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family, size: 12, color: theme.text },
    colorway: theme.series,
    hoverlabel: { bgcolor: theme.surface, bordercolor: theme.line, font: { family, color: theme.text } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    modebar: { bgcolor: "transparent", color: theme.muted, activecolor: theme.accent },
    xaxis: { ...axis },
    yaxis: { ...axis },
  };
}

/** `over` on top of `base`, key by key. @param {any} base @param {any} over @returns {any} */
function merged(base, over) {
  const isPlain = (/** @type {any} */ value) => Object.prototype.toString.call(value) === "[object Object]";
  if (!isPlain(base) || !isPlain(over)) {
    return over;
  }
  const keys = [...new Set([...Object.keys(base), ...Object.keys(over)])];
  return Object.fromEntries(keys.map((key) => [key, key in over ? merged(base[key], over[key]) : base[key]]));
}
