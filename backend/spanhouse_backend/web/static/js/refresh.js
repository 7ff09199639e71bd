/**
 * Asks again every so often, counted from the end of the last time, so that a slow server is not asked twice at once.
 * A tab that nobody sees waits; when it is seen again and late, it asks at once.
 */

/** As the URL has them, and as they are read. @type {readonly (readonly [string, string])[]} */
export const INTERVALS = [
  ["", "Off"],
  ["5s", "5 s"],
  ["10s", "10 s"],
  ["30s", "30 s"],
  ["1m", "1 min"],
  ["5m", "5 min"],
];

export class Refresh {
  /** @param {() => void} run  Asks: calls `begun`, and `ended` afterwards. */
  constructor(run) {
    this.run = run;
    this.milliseconds = 0;
    this.running = false;
    /** When it is due, by the browser's steady clock; Infinity while it runs, or is off. */
    this.due = Infinity;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    document.addEventListener("visibilitychange", () => this.arm());
  }

  /** @param {string} interval  One of INTERVALS; anything else is never. */
  every(interval) {
    const known = INTERVALS.some(([name]) => name === interval) && interval;
    const milliseconds = known ? Number.parseInt(known, 10) * (known.endsWith("m") ? 60_000 : 1000) : 0;
    if (milliseconds !== this.milliseconds) {
      this.milliseconds = milliseconds;
      if (!this.running) {
        this.ended();
      }
    }
  }

  /** It is being asked. */
  begun() {
    this.running = true;
    this.due = Infinity;
    this.arm();
  }

  /** It was asked and answered, for whatever reason. */
  ended() {
    this.running = false;
    this.due = this.milliseconds ? performance.now() + this.milliseconds : Infinity;
    this.arm();
  }

  arm() {
    clearTimeout(this.timer);
    if (this.due === Infinity || document.hidden) {
      return;
    }
    const wait = Math.max(0, this.due - performance.now());
    this.timer = setTimeout(this.run, wait);
  }
}
