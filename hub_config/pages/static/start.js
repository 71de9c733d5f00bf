// What the page of a pending start does: it follows the start for as long as that takes, also while the hub is away.
"use strict";

{
  const KEPT = 50; // entries in what happened so far
  const AWAY = 5000; // milliseconds between two tries to reach a hub that is away
  const AGAIN = 1000; // and before its stream is asked for again
  const find = (id) => document.getElementById(id);

  const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

  // Seconds as a person would say them.
  const duration = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    if (minutes < 1) return "less than a minute";
    if (minutes < 60) return count(minutes, "minute");
    const hours = Math.floor(minutes / 60);
    if (hours >= 48) return count(Math.floor(hours / 24), "day");
    return minutes % 60 ? `${count(hours, "hour")} ${count(minutes % 60, "minute")}` : count(hours, "hour");
  };

  const fact = (id, text) => {
    find(id).textContent = text || "";
    find(id).parentElement.hidden = !text;
    find("facts").hidden = !find("facts").querySelector("div:not([hidden])");
  };

  onramp.followStart = (progressUrl, server) => {
    const hub = document.title.split(" · ").pop();
    const bar = find("progress");
    let events = null;
    let since = null; // when the job came into the queue, by this browser's clock
    let leaving = false;

    const title = (state) => { document.title = `${state} · ${hub}`; };
    const say = (text) => {
      if (find("progress-message").textContent !== text) find("progress-message").textContent = text;
    };
    const waited = () => fact("waited", since === null ? "" : duration((Date.now() - since) / 1000));

    const over = (state) => {
      leaving = true;
      events.close();
      title(state);
      bar.classList.add("bad");
      find("stop").hidden = true;
      find("again").hidden = false;
      offer(null);
      if (find("tell")) find("tell").parentElement.hidden = true;
      since = null;
      for (const id of ["waited", "place", "starts"]) fact(id, "");
    };

    let offered = null;
    const offer = (sooner) => {
      if (JSON.stringify(sooner) === JSON.stringify(offered)) return;
      offered = sooner;
      find("sooner").hidden = !sooner;
      find("sooner-says").textContent = sooner ? sooner.says : "";
      find("sooner-start").textContent = sooner ? sooner.button : "";
      find("sooner-start").disabled = false;
    };

    const log = (text) => {
      const entry = document.createElement("li");
      entry.textContent = `${new Date().toLocaleTimeString()}: ${text}`;
      find("progress-log").append(entry);
      while (find("progress-log").children.length > KEPT) find("progress-log").firstElementChild.remove();
    };

    const told = (event) => {
      if (event.progress !== undefined) {
        bar.setAttribute("aria-valuenow", event.progress);
        bar.firstElementChild.style.width = `${event.progress}%`;
      }
      // A hub that is about to stop calls a start ready or failed that is neither, and goes on with it when it is back.
      if (event.ready || event.failed) {
        lost(false);
        return;
      }
      if (event.title) title(event.title);
      since = typeof event.waited === "number" ? Date.now() - 1000 * event.waited : null;
      waited();
      fact("place", event.place);
      fact("starts", event.starts);
      offer(event.sooner || null);
      if (event.message && find("progress-message").textContent !== event.message) {
        say(event.message);
        log(event.message);
      }
    };

    // The stream is cut where the hub restarts, and refused where the start is over. The page that then comes here
    // says why, and offers the starts that help.
    const lost = async (sure) => {
      if (leaving) return;
      events.close();
      const answer = await onramp.ask(server);
      if (leaving) return;
      if (!answer || answer.status >= 500) {
        say("The hub does not answer just now. Your place in the queue stays.");
        setTimeout(lost, AWAY, false);
        return;
      }
      const model = answer.ok ? await answer.json() : {};
      if (model.pending === "spawn") {
        setTimeout(follow, AGAIN);
      } else if (model.pending || (!model.ready && !sure)) {
        // A hub that is about to stop calls every start over, and has not forgotten one when it is back.
        say("Asking the hub what became of it.");
        setTimeout(lost, AWAY, !model.pending);
      } else {
        title(model.ready ? "Ready" : "Did not start");
        if (model.ready) say("Ready. Opening it.");
        window.location.reload();
      }
    };

    const follow = () => {
      if (leaving) return;
      events = new EventSource(progressUrl);
      events.onmessage = ({ data }) => told(JSON.parse(data));
      events.onerror = () => lost(false);
    };

    find("sooner-start").addEventListener("click", async () => {
      find("sooner-start").disabled = true;
      const problem = await onramp.instead(server, offered.options);
      if (problem) find("sooner-says").textContent = problem;
      else offer(null);
    });

    const box = find("tell");
    if (box) {
      box.addEventListener("change", async () => {
        const wanted = box.checked;
        box.disabled = true;
        const problem = await onramp.send(wanted ? "PUT" : "DELETE", onramp.own("tell", server));
        box.disabled = false;
        if (problem) box.checked = !wanted;
        find("tell-said").textContent = problem || (wanted ? "You will be told." : "");
      });
    }

    find("stop").addEventListener("click", async () => {
      find("stop").disabled = true;
      leaving = true;
      say("Cancelling.");
      events.close();
      const problem = await onramp.end(server);
      if (!problem) await onramp.ended(server);
      over(problem ? "Not cancelled" : "Cancelled");
      say(problem || "The start is cancelled. Nothing runs, nothing was used up.");
    });

    setInterval(waited, 10000);
    follow();
  };
}
