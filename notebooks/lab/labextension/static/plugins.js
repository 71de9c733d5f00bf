// The plugins: one for a server that runs and ends, one in place of JupyterLab's own words for a lost connection, one for
// uploads of large files.

import { Documents } from "./documents.js";
import { Ended } from "./ended.js";
import { Server } from "./server.js";
import { StatusItem } from "./status.js";
import { resume } from "./uploads.js";
import { Warnings } from "./warnings.js";

const TICK = 1000;

export function plugins(lab) {
  let server = null;
  return [
    {
      id: "onramp:server",
      description: "Shows how long the server runs, saves what is open before its end, and says when it has ended.",
      autoStart: true,
      requires: [lab.docmanager.IDocumentManager],
      optional: [lab.statusbar.IStatusBar].filter(Boolean),
      activate(app, manager, statusBar) {
        server = follow(lab, app, manager, statusBar);
      },
    },
    {
      id: "onramp:connection-lost",
      description: "Leaves it to the plugin above to say whether the server has ended.",
      autoStart: true,
      provides: lab.application.IConnectionLost,
      activate: () => (services, error, translator) =>
        server && server.known ? server.ask() : lab.application.ConnectionLost(services, error, translator),
    },
    {
      id: "onramp:uploads",
      description: "Lets the upload of a large file go on where it stopped.",
      autoStart: true,
      optional: [lab.filebrowser.IDefaultFileBrowser].filter(Boolean),
      activate(app, browser) {
        if (browser) resume(lab, browser, app.serviceManager.contents);
      },
    },
  ];
}

function follow(lab, app, manager, statusBar) {
  const { URLExt } = lab.coreutils;
  const { ServerConnection } = lab.services;
  const settings = app.serviceManager.serverSettings;
  const ask = (path, init) => {
    const headers = { Accept: "application/json" };
    return ServerConnection.makeRequest(URLExt.join(settings.baseUrl, "onramp", path), { headers, ...init }, settings);
  };
  const documents = new Documents(app.shell, manager, app.serviceManager.contents);
  const warnings = new Warnings(lab.apputils.Notification, documents, stillHere);
  const ended = new Ended(lab, documents, warnings);
  const item = new StatusItem(lab, () => ended.show());
  const server = new Server(() => ask("server", { cache: "no-store" }), show);

  async function stillHere() {
    const heard = await ask("server", { method: "POST" }).then((answer) => answer.ok, () => false);
    warnings.tell("here", heard ? null : "Your server did not hear that. Run a cell, so that it knows you are here.");
    await server.ask();
  }

  function show() {
    item.show(server);
    warnings.show(server);
    ended.follow(server);
  }

  app.restored.then(async () => {
    style();
    await server.ask();
    if (server.state === "absent") return;
    if (statusBar) statusBar.registerStatusItem("onramp:server", { item: item.widget, align: "right", rank: 100 });
    setInterval(show, TICK);
    // A laptop that wakes up, a tab that is looked at again, a network that is back.
    for (const event of ["online", "focus"]) window.addEventListener(event, () => server.ask());
    document.addEventListener("visibilitychange", () => document.hidden || server.ask());
  });
  return server;
}

function style() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("style.css", import.meta.url);
  document.head.append(link);
}
