// What a person is told while the server runs: that it ends soon and what is saved, that nobody uses it, or that it
// is not reached.

import { idleWords, kernelWords, MINUTE, notSaved, passed, warning } from "./words.js";

// In the last minute, what was changed is saved again after so many milliseconds.
const AGAIN = 15_000;
// How long a server may be silent before its person is told.
const SILENT = 30_000;

export class Warnings {
  constructor(notification, documents, stillHere) {
    this.notification = notification;
    this.documents = documents;
    this.here = [{ label: "I am still here", callback: stillHere }];
    this.mark = Infinity; // the last that was warned of
    this.savedAt = 0;
    this.shown = new Map();
  }

  show(server) {
    this.tell("away", server.silent && Date.now() - server.silent > SILENT ? AWAY : null);
    if (server.state !== "away") this.tell("idle", server.released ? idleWords(server.released) : null, { actions: this.here });
    if (server.state === "ended") this.tell("end", null);
    if (server.state !== "up") return;
    this.remind(server);
    this.follow(server.kernels);
  }

  // Kernels in jobs of their own; of one that has ended meanwhile, the last word stays.
  follow(kernels) {
    for (const { kernel, ends, ...told } of kernels) {
      this.tell(`kernel ${kernel}`, ends ? kernelWords({ ends, ...told }) : null);
    }
  }

  remind(server) {
    const mark = passed(server.left);
    if (mark > this.mark) {
      // The end was moved.
      this.mark = mark;
      this.tell("end", null);
    }
    if (mark < this.mark) this.warn(mark, server);
    else if (Math.min(server.left, server.untilRelease) <= MINUTE && Date.now() - this.savedAt > AGAIN) this.save();
  }

  async warn(mark, server) {
    this.mark = mark;
    const saved = mark === 15 ? null : await this.save();
    this.tell("end", warning(mark, server.end, server.left, saved));
  }

  // Saves what is open, and names each file that could not be saved, until it could.
  async save() {
    this.savedAt = Date.now();
    const done = await this.documents.save();
    const problems = new Map(done.failed.map((problem) => [`file ${problem.path}`, notSaved(problem)]));
    for (const kind of this.shown.keys()) if (kind.startsWith("file ") && !problems.has(kind)) this.tell(kind, null);
    for (const [kind, sentence] of problems) this.tell(kind, sentence, { type: "error" });
    return done;
  }

  // One notification for each kind; the same sentence is said once, and null takes it away.
  tell(kind, sentence, { type = "warning", ...options } = {}) {
    const before = this.shown.get(kind);
    if (sentence === (before ? before.sentence : null)) return;
    if (before) this.notification.dismiss(before.id);
    if (sentence === null) this.shown.delete(kind);
    else this.shown.set(kind, { sentence, id: this.notification.emit(sentence, type, { autoClose: false, ...options }) });
  }
}

const AWAY = "Your server is not reached at the moment. Keep this page open: what is not saved is only here.";
