// What the course pages do: join, hand in, and a teacher's buttons, through the service's own API.
"use strict";

const said = document.getElementById("said");
const KEPT = "onramp-said";

function say(message, bad = false) {
  said.textContent = message;
  said.classList.toggle("bad", bad);
  if (message) said.scrollIntoView({ block: "nearest" });
}

// A sentence survives the load of the page that shows what it is about.
function sayAfterLoad(message, address) {
  sessionStorage.setItem(KEPT, message);
  if (address) window.location.assign(address);
  else window.location.reload();
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

async function attempt(element, action, address) {
  element.disabled = true;
  say("");
  try {
    sayAfterLoad((await action()).message, address);
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
    attempt(form.querySelector("button"), () => post(form.dataset.post, fields(form)), form.dataset.next);
  });
}

// A comment that was given before is put in with a press, and the points that always went with it.
document.addEventListener("click", (event) => {
  const used = event.target.closest("button[data-comment]");
  if (!used) return;
  const { comment, score } = document.querySelector(".course-mark").elements;
  comment.value = [comment.value.trim(), used.dataset.comment].filter(Boolean).join(" ");
  if (!score.value) score.value = used.dataset.score;
  comment.focus();
});

// Grading goes on in the service; what came of those that were begun here is said when they end.
const begun = new Set();

async function grade(button) {
  try {
    const told = await post(button.dataset.post);
    if (told.running) begun.add(button.dataset.grades);
    say(told.message);
  } catch (error) {
    say(error.message, true);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (!button || button.closest("form")) return;
  if (button.dataset.grades) grade(button);
  else attempt(button, () => post(button.dataset.post, button.dataset.body));
});

const LOOK = 1500;
const IDLE = 4000;
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function get(address) {
  const answer = await fetch(address, { headers: { "X-XSRFToken": document.body.dataset.xsrf } }).catch(() => null);
  return answer && answer.ok && !answer.redirected ? answer : null;
}

// Show how far a grading is; true when one has just ended.
function show(name, told) {
  const box = document.querySelector(`[data-progress="${name}"]`);
  if (!box) return false;
  const over = (!box.hidden || begun.has(name)) && !told.running;
  const [bar, text] = box.children;
  box.hidden = !told.running;
  bar.max = told.total || 1;
  bar.value = told.done;
  if (text.textContent !== told.message && told.running) text.textContent = told.message;
  document.querySelector(`button[data-grades="${name}"][data-post$="/grade"]`).disabled = told.running;
  // One voice at a time: while the bar speaks, the numbers above it do not.
  document.querySelector(`[data-part="${name}-facts"]`).setAttribute("aria-live", told.running ? "off" : "polite");
  if (over && begun.delete(name)) say(told.problem ? "" : "Graded.");
  return over;
}

// Change a part of the page; who is at a link or a button in it stays at the same one.
function keepingFocus(old, change) {
  const key = (one) => one.getAttribute("href") || one.dataset.post || one.getAttribute("aria-label");
  const held = old.contains(document.activeElement) ? key(document.activeElement) : null;
  const stops = change().querySelectorAll("a[href], button, [tabindex]");
  if (held) [...stops].find((one) => key(one) === held)?.focus({ preventScroll: true });
}

function renewRows(rows, fresh) {
  [...fresh.rows].forEach((row, at) => {
    const old = rows.rows[at];
    if (!old || old.dataset.key !== row.dataset.key) rows.insertBefore(row, old || null);
    else if (old.innerHTML !== row.innerHTML) keepingFocus(old, () => (old.replaceWith(row), row));
  });
}

function renewPart(old, now) {
  if (old.innerHTML === now.innerHTML) return;
  const [rows, fresh] = [old.querySelector("tbody"), now.querySelector("tbody")];
  if (rows && fresh) renewRows(rows, fresh);
  else keepingFocus(old, () => (old.replaceChildren(...now.childNodes), old));
}

// Take what has changed from the page as it is now; false where it cannot be had.
async function renew() {
  const answer = await get(window.location.href);
  if (!answer) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-part]")) {
    const now = fresh.querySelector(`[data-part="${old.dataset.part}"]`);
    if (now) renewPart(old, now);
  }
  return true;
}

// While the page is open it shows what comes in and what is graded. A page that takes long is asked for seldom.
async function watch(page) {
  let [seen, spared] = [Number(page.dataset.event), 0];
  for (;;) {
    await pause(page.querySelector("[data-progress]:not([hidden])") || begun.size ? LOOK : IDLE);
    const answer = document.hidden ? null : await get(page.dataset.live);
    if (!answer) continue;
    const told = await answer.json();
    const ended = Object.entries(told.grading).map(([name, one]) => show(name, one)).some(Boolean);
    const now = performance.now();
    if (!ended && (told.event === seen || now < spared)) continue;
    if (await renew()) seen = told.event;
    spared = performance.now() + 5 * (performance.now() - now);
  }
}

// A result that is promised at once is looked for until it is there, less and less often.
async function lookForResults() {
  for (let time = LOOK; document.querySelector("[data-awaited]"); time = Math.min(1.3 * time, 10 * LOOK)) {
    await pause(time);
    if (!document.hidden) await renew();
  }
}

lookForResults();

const live = document.querySelector("[data-live]");
if (live) watch(live);

say(sessionStorage.getItem(KEPT) || "");
sessionStorage.removeItem(KEPT);
