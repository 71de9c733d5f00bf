// What the page knows of its server: it asks, and tells its listener whenever something may have changed.

import { verdict } from "./words.js";

const SECOND = 1000;
// An end that is this near counts as reached: clocks differ, and Slurm looks every half minute.
const NEAR = 5 * SECOND;

export class Server {
  constructor(request, changed) {
    this.request = request; // asks the server; a promise of a Response, rejected where the network fails
    this.changed = changed;
    this.state = "unknown";
    this.end = null; // by this browser's clock
    this.said = {};
    this.silent = 0; // since when it cannot be told whether it runs
    this.asking = null;
    this.timer = 0;
  }

  get known() {
    return this.state !== "unknown" && this.state !== "absent";
  }

  get left() {
    return this.end === null ? Infinity : this.end - Date.now();
  }

  get overdue() {
    return this.left <= NEAR;
  }

  // When it is ended because nobody uses it, by this browser's clock; null while that is not near.
  get released() {
    const ends = this.said.idle && this.said.idle.ends;
    return ends ? Date.parse(ends) + this.skew : null;
  }

  // Kernels in jobs of their own; `ends` is null while that is not near.
  get kernels() {
    const told = this.said.kernels || [];
    return told.map((one) => ({ ...one, ends: one.ends ? Date.parse(one.ends) + this.skew : null }));
  }

  get untilRelease() {
    return this.released === null ? Infinity : this.released - Date.now();
  }

  get unused() {
    return this.untilRelease <= NEAR;
  }

  // Asks now, and from now on by itself. At most one question is under way.
  ask() {
    this.asking = this.asking || this.look().finally(() => {
      this.asking = null;
      clearTimeout(this.timer);
      if (this.state !== "absent") this.timer = setTimeout(() => this.ask(), this.pause());
    });
    return this.asking;
  }

  async look() {
    const answer = await this.answer();
    const state = verdict(answer, this);
    if (answer.ours) this.learn(answer.body);
    // Who has heard that it ended is not told that it may be away.
    if (state !== "away") this.state = state;
    else if (this.state === "up") this.state = "away";
    this.silent = this.state === "away" ? this.silent || Date.now() : 0;
    this.changed(this);
  }

  async answer() {
    try {
      const response = await this.request();
      const body = response.ok ? await response.json().catch(() => ({})) : {};
      return { status: response.status, ours: "now" in body && "hub" in body, body };
    } catch {
      return { status: 0, ours: false };
    }
  }

  learn(said) {
    this.said = said;
    this.skew = Date.now() - Date.parse(said.now);
    this.end = said.end === null ? null : Date.parse(said.end) + this.skew;
  }

  pause() {
    if (this.state === "away" || this.left < 0) return 3 * SECOND;
    if (this.state === "ended" || this.left < 300 * SECOND) return 5 * SECOND;
    return document.hidden ? 60 * SECOND : 15 * SECOND;
  }
}
