/** Lets so many do something at once, and the others wait in order: a board of many panels is no reason to be refused. */
export class Turns {
  /** @param {number} most */
  constructor(most) {
    this.free = most;
    /** @type {(() => void)[]} */
    this.waiting = [];
  }

  /**
   * What `does` comes to, once it is its turn; it does not begin when `signal` was aborted meanwhile. A turn that ends, however
   * it does, is the next one's, so none is lost and nobody waits for one that is free.
   * @template T
   * @param {() => Promise<T>} does
   * @param {AbortSignal} signal
   * @returns {Promise<T>}
   */
  async run(does, signal) {
    if (this.free) {
      this.free -= 1;
    } else {
      await new Promise((/** @type {(nothing: void) => void} */ resolve) => this.waiting.push(resolve));
    }
    try {
      signal.throwIfAborted();
      return await does();
    } finally {
      const next = this.waiting.shift();
      if (next) {
        next();
      } else {
        this.free += 1;
      }
    }
  }
}
