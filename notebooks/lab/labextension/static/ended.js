// The panel of a server that has ended: why, what is not saved, how to start it again; and when it is back.

import { download } from "./documents.js";
import { ending, savedWords } from "./words.js";

const SECOND = 1000;
// The hub looks at its servers twice a minute, and starts none again before it knows that it ended.
const PATIENCE = 90;

export class Ended {
  constructor(lab, documents, warnings) {
    this.apputils = lab.apputils;
    this.Widget = lab.widgets.Widget;
    this.documents = documents;
    this.warnings = warnings;
    this.over = false;
    this.dialog = null;
  }

  follow(server) {
    this.server = server;
    if (server.state === "ended" && !this.over) {
      this.over = true;
      this.documents.stopSaving();
      this.show();
    }
    if (server.state === "up" && this.over) {
      this.over = false;
      this.documents.goOnSaving();
      this.back();
    }
  }

  async show() {
    if (this.dialog) return;
    const { Dialog } = this.apputils;
    const unsaved = this.documents.unsaved();
    const node = document.createElement("div");
    this.dialog = new Dialog({
      title: "Your server has ended",
      body: new this.Widget({ node }),
      buttons: [
        Dialog.cancelButton({ label: "Keep this page" }),
        Dialog.createButton({ label: "Home", accept: false, actions: ["home"] }),
        Dialog.okButton({ label: "Start again with the same options", actions: ["again"] }),
      ],
      defaultButton: 2,
    });
    fill(node, ending(await this.told(), this.server), unsaved);
    const { button } = await this.dialog.launch().finally(() => {
      this.dialog = null;
    });
    if (button.actions.includes("home")) leave(this.server.said.hub.home, unsaved);
    if (button.actions.includes("again")) leave(await this.again(), unsaved);
  }

  // What the hub says of the end; null where it does not answer.
  async told() {
    try {
      const answer = await fetch(this.server.said.hub.ending, { headers: { Accept: "application/json" } });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  // Where the same server is started, and this page's document opened in it, once the hub knows that it ended.
  async again() {
    const { Notification } = this.apputils;
    const waiting = Notification.emit("The hub is told to start your server again.", "in-progress", { autoClose: false });
    let told = null;
    for (let tries = 0; tries < PATIENCE && !(told && told.ended); tries += 1) {
      if (tries) await new Promise((resolve) => setTimeout(resolve, SECOND));
      told = await this.told();
    }
    Notification.dismiss(waiting);
    const address = new URL((told && told.again) || this.server.said.hub.again, window.location);
    address.searchParams.set("next", window.location.pathname);
    return address;
  }

  // The server runs again, with no kernels yet: what this page alone has is saved before it is loaded anew.
  async back() {
    if (this.dialog) this.dialog.reject();
    const { Notification } = this.apputils;
    const done = await this.warnings.save();
    const reload = { label: "Load this page anew", callback: () => window.location.reload() };
    Notification.success(`Your server runs again. ${done.saved.length ? savedWords(done) : ""}`.trim(), {
      autoClose: false,
      actions: [reload],
    });
  }
}

// What is not saved is only on this page, which then stays open.
function leave(address, unsaved) {
  if (unsaved.length) window.open(address, "_blank");
  else window.location.assign(address);
}

function fill(node, why, unsaved) {
  node.className = "onramp-ended";
  const say = (text) => node.append(Object.assign(document.createElement("p"), { textContent: text }));
  say(`${why} Your files are kept.`.trim());
  if (unsaved.length === 0) return;
  say("These were changed after they were last saved, and are only on this page. Keep it open: they are saved when your server runs again. Or download them now.");
  const list = document.createElement("ul");
  for (const context of unsaved) {
    const entry = document.createElement("li");
    entry.append(download(context));
    list.append(entry);
  }
  node.append(list);
}
