// What the course pages do: join, hand in, and a teacher's buttons, through the service's own API.
"use strict";

const said = document.getElementById("said");
const KEPT = "onramp-said";

function say(message, bad = false) {
  said.textContent = message;
  said.classList.toggle("bad", bad);
  if (message) said.scrollIntoView({ block: "nearest" });
}

// A sentence survives the reload that shows what it is about.
function sayAfterReload(message) {
  sessionStorage.setItem(KEPT, message);
  window.location.reload();
}

async function post(address, body) {
  const headers = { "X-XSRFToken": document.body.dataset.xsrf, "Content-Type": "application/octet-stream" };
  let answer;
  try {
    answer = await fetch(address, { method: "POST", headers, body });
  } catch {
    throw new Error("The course service cannot be reached. Nothing was lost: check your connection and try again.");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.message || `The course service refused (error ${answer.status}).`);
  return told;
}

async function attempt(element, action) {
  element.disabled = true;
  say("");
  try {
    sayAfterReload((await action()).message);
  } catch (error) {
    say(error.message, true);
  } finally {
    element.disabled = false;
  }
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}

for (const form of document.querySelectorAll(".course-submit")) {
  const input = form.querySelector("input");
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (!file) return;
    const limit = Number(form.dataset.limit);
    attempt(input, () => {
      if (file.size > limit) {
        const hint = "Clear its outputs (Edit → Clear Outputs of All Cells), save it and hand it in again.";
        throw new Error(`${file.name} has ${megabytes(file.size)}; this assignment takes at most ${megabytes(limit)}. ${hint}`);
      }
      return post(form.dataset.post, file);
    }).finally(() => form.reset());
  });
}

// What a form says: its fields by name. A time is meant in the time zone of whoever types it.
function fields(form) {
  const named = [...form.elements].filter((one) => one.name);
  const value = (one) => (one.type === "datetime-local" ? new Date(one.value).toISOString() : one.value);
  return JSON.stringify(Object.fromEntries(named.map((one) => [one.name, value(one)])));
}

for (const form of document.querySelectorAll("form[data-post]:not(.course-submit)")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(form.querySelector("button"), () => post(form.dataset.post, fields(form)));
  });
}

// Grading goes on in the service; the button waits for it and then shows what came of it.
async function follow(button) {
  button.disabled = true;
  for (;;) {
    const answer = await fetch(button.dataset.follow, { headers: { "X-XSRFToken": document.body.dataset.xsrf } }).catch(() => null);
    const told = answer && answer.ok ? await answer.json() : { running: true, waiting: "some" };
    if (!told.running) {
      sayAfterReload(told.problem ? "" : "Graded.");
      return;
    }
    say(`Grading: ${told.waiting} to go …`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

for (const button of document.querySelectorAll("button[data-post]")) {
  if (button.closest("form")) continue;
  button.addEventListener("click", async () => {
    if (!button.dataset.follow) {
      attempt(button, () => post(button.dataset.post, button.dataset.body));
      return;
    }
    try {
      say((await post(button.dataset.post)).message);
      await follow(button);
    } catch (error) {
      say(error.message, true);
    }
  });
  if ("running" in button.dataset) follow(button);
}

say(sessionStorage.getItem(KEPT) || "");
sessionStorage.removeItem(KEPT);
