// What the home page does, and what other pages share, through JupyterHub's own REST API.
"use strict";

const onramp = {
  url(server) {
    const { base_url, user } = window.jhdata;
    const end = server ? `servers/${encodeURIComponent(server)}` : "server";
    return `${base_url}api/users/${user}/${end}`;
  },

  // Sends DELETE; returns "" when done, else a sentence.
  end(server, body) {
    return onramp.send("DELETE", onramp.url(server), body);
  },

  // Lets a queued start wait for a job with other options; returns "" when done, else a sentence.
  instead(server, options) {
    return onramp.send("POST", onramp.own("instead", server), JSON.stringify({ user_options: options }));
  },

  // Where our own part of the hub's API has something of a server.
  own(what, server) {
    const { base_url, user } = window.jhdata;
    return `${base_url}api/onramp/${what}/${user}${server ? `/${encodeURIComponent(server)}` : ""}`;
  },

  // Sends a request to the hub; returns "" when done, else a sentence.
  async send(method, url, body) {
    const headers = { "X-XSRFToken": window.jhdata.xsrf_token, "Content-Type": "application/json" };
    try {
      const answer = await fetch(url, { method, headers, body });
      if (answer.ok) return "";
      const said = await answer.json().catch(() => ({}));
      return said.message || `The hub refused (error ${answer.status}).`;
    } catch {
      return "The hub cannot be reached. Check your connection and try again.";
    }
  },

  // What the hub answers when it is asked about a server; null where it does not.
  ask(server) {
    return fetch(onramp.url(server), { headers: { "X-XSRFToken": window.jhdata.xsrf_token } }).catch(() => null);
  },

  // Resolves once the server is neither stopping nor starting.
  async ended(server) {
    for (let tries = 0; tries < 60; tries += 1) {
      const answer = await onramp.ask(server);
      if (answer && answer.status === 404) return;
      const model = answer && answer.ok ? await answer.json() : { pending: "unknown" };
      if (!model.pending && !model.ready) return;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
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
