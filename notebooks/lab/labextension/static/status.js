// The status bar: time left and what is in use, in a button that tells all of it.

import { clock, details, inUse, MARKS, passed, timeLeft } from "./words.js";

const SAID = 15_000;

export class StatusItem {
  constructor(lab, hasEnded) {
    this.notification = lab.apputils.Notification;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "onramp-status";
    this.button.addEventListener("click", () => {
      if (this.server.state === "ended") hasEnded();
      else this.notification.info(this.button.title.replaceAll("\n", " · "), { autoClose: SAID });
    });
    this.widget = new lab.widgets.Widget({ node: document.createElement("div") });
    this.widget.node.append(this.button);
  }

  show(server) {
    this.server = server;
    const { text, title } = words(server);
    // A status bar that is written anew each second cannot be read out.
    if (this.button.textContent !== text) this.button.textContent = text;
    if (this.button.title !== title) this.button.title = title;
    this.button.hidden = !text;
    this.button.classList.toggle("soon", server.state !== "up" || passed(server.left) <= MARKS[1]);
  }
}

function words(server) {
  if (server.state === "ended") return { text: "Server has ended", title: "Your server has ended. Your files are kept." };
  if (server.state === "away") {
    return { text: "Server not reached", title: "Your server is not reached at the moment. Keep this page open." };
  }
  const left = server.end === null ? [] : [timeLeft(server.left)];
  const end = server.end === null ? "It is not known when your server ends." : `Your server ends at ${clock(server.end)}.`;
  const { usage } = server.said;
  return { text: [...left, ...inUse(usage)].join(" · "), title: [end, ...details(usage)].join("\n") };
}
