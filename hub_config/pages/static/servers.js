// What the home page and the page of a pending start do, through JupyterHub's own REST API.
"use strict";

const onramp = {
  url(server) {
    const { base_url, user } = window.jhdata;
    const end = server ? `servers/${encodeURIComponent(server)}` : "server";
    return `${base_url}api/users/${user}/${end}`;
  },

  // Sends DELETE; returns "" when done, else a sentence.
  async end(server, body) {
    const headers = { "X-XSRFToken": window.jhdata.xsrf_token, "Content-Type": "application/json" };
    try {
      const answer = await fetch(onramp.url(server), { method: "DELETE", headers, body });
      if (answer.ok) return "";
      const said = await answer.json().catch(() => ({}));
      return said.message || `The hub refused (error ${answer.status}).`;
    } catch {
      return "The hub cannot be reached. Check your connection and try again.";
    }
  },

  // Resolves once the server is neither stopping nor starting.
  async ended(server) {
    const headers = { "X-XSRFToken": window.jhdata.xsrf_token };
    for (let tries = 0; tries < 60; tries += 1) {
      const answer = await fetch(onramp.url(server), { headers }).catch(() => null);
      if (answer && answer.status === 404) return;
      const model = answer && answer.ok ? await answer.json() : { pending: "unknown" };
      if (!model.pending && !model.ready) return;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  },

  followStart(progressUrl, server) {
    const find = (id) => document.getElementById(id);
    const bar = find("progress");
    const message = find("progress-message");
    const events = new EventSource(progressUrl);

    const failed = () => {
      events.close();
      bar.classList.add("bad");
      find("stop").hidden = true;
      find("again").hidden = false;
    };
    events.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.progress !== undefined) {
        bar.setAttribute("aria-valuenow", event.progress);
        bar.firstElementChild.style.width = `${event.progress}%`;
      }
      if (event.ready) {
        events.close();
        message.textContent = "Ready. Opening it.";
        window.location.reload();
        return;
      }
      if (event.message) {
        message.textContent = event.message;
        const entry = document.createElement("li");
        entry.textContent = `${new Date().toLocaleTimeString()}: ${event.message}`;
        find("progress-log").append(entry);
      }
      if (event.failed) failed();
    };

    find("stop").addEventListener("click", async () => {
      find("stop").disabled = true;
      message.textContent = "Cancelling.";
      events.close();
      const problem = await onramp.end(server);
      if (!problem) await onramp.ended(server);
      message.textContent = problem || "The start is cancelled. Nothing runs, nothing was used up.";
      failed();
    });
  },

  manageServers() {
    const said = document.getElementById("said");
    for (const button of document.querySelectorAll("[data-do]")) {
      button.addEventListener("click", async () => {
        const { server, title } = button.closest("[data-server]").dataset;
        const remove = button.dataset.do === "delete";
        if (remove && !window.confirm(`Remove the server "${title}" from the list? Your files stay.`)) return;
        button.disabled = true;
        said.textContent = remove ? `Removing ${title}.` : `Stopping ${title}.`;
        const problem = await onramp.end(server, remove ? '{"remove": true}' : undefined);
        if (problem) {
          said.textContent = problem;
          button.disabled = false;
          return;
        }
        if (!remove) await onramp.ended(server);
        window.location.reload();
      });
    }
    const form = document.getElementById("new-server");
    if (!form) return;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      window.require(["utils"], (utils) => {
        const title = utils.sanitise_display_name(form.elements.name.value);
        const { base_url, user } = window.jhdata;
        const query = new URLSearchParams({ display_name: title });
        window.location.assign(`${base_url}spawn/${user}/${utils.safe_slug(title)}?${query}`);
      });
    });
  },
};
