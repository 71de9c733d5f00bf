// Plain words for times, sizes and endings; nothing here asks or shows anything.

export const MINUTE = 60_000;
// Minutes before the end at which a person is warned.
export const MARKS = [1, 5, 15];
// A notification of JupyterLab shows no more than this many characters.
const LONGEST = 140;
// Of the file names that a sentence may hold.
const NAMES = 32;

const many = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export const clock = (moment) =>
  new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// "3 h 20 min left"; milliseconds in.
export function timeLeft(left) {
  if (left <= 0) return "time is up";
  const minutes = Math.floor(left / MINUTE);
  if (minutes === 0) return "under 1 min left";
  const hours = Math.floor(minutes / 60);
  return `${hours ? `${hours} h ` : ""}${hours && !(minutes % 60) ? "" : `${minutes % 60} min `}left`;
}

// The last mark that has been passed with so many milliseconds left; Infinity while none has.
export const passed = (left) => MARKS.find((mark) => left <= mark * MINUTE) ?? Infinity;

// What is said at a mark; `saved` is null where nothing is saved yet.
export function warning(mark, end, left, saved) {
  const minutes = Math.floor(left / MINUTE);
  const when = minutes < 1 ? "in less than a minute" : `at ${clock(end)}, in ${many(minutes, "minute")}`;
  if (mark === 15) return `Your server ends ${when}. Hand in what is due, promote what must run longer. A tab you have closed saves nothing more.`;
  return `Your server ends ${when}. ${saved === null ? "" : savedWords(saved)}`.trim();
}

export function savedWords({ saved, failed }) {
  if (saved.length) return `Saved: ${listed(saved)}.`;
  return failed.length ? "" : "All that is open is saved.";
}

export const notSaved = ({ path, why }) => short(`${listed([path])} is not saved: ${why}`, LONGEST);

// What is said before a server that nobody uses is ended at `moment`.
export const idleWords = (moment) =>
  `Nobody uses this server: it ends at ${clock(moment)}, so that others can have its node. Your files are kept.`;

// What is said before a kernel in a job of its own ends: nobody uses it, or its time is up.
export function kernelWords({ name, why, ends }) {
  const whose = `the kernel of ${listed([name])}`;
  if (why === "idle") return `Nobody uses ${whose}: its node is given back at ${clock(ends)}. Run a cell to keep it.`;
  return `The time of ${whose} is up at ${clock(ends)}. Its variables are lost then.`;
}

export const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function listed(paths) {
  const names = paths.map((path) => short(path.split("/").pop(), NAMES));
  const shown = names.slice(0, 2).join(", ");
  return names.length > 2 ? `${shown} and ${names.length - 2} more` : shown;
}

// How to read an answer: "up", "ended", "away" (cannot be told) or "absent" (this server is none of ours).
export function verdict({ status, ours }, { known, overdue }) {
  if (status === 200) return ours ? "up" : known ? "away" : "absent";
  if (status === 424) return "ended";
  if (status === 404) return known ? "ended" : "absent";
  return status >= 500 && overdue ? "ended" : "away";
}

// Why a server has ended: in the hub's words, or where it has none yet, as far as its page can know.
export function ending(told, { overdue, unused }) {
  if (told && told.ended && told.sentence) return [told.sentence, told.advice].filter(Boolean).join(" ");
  if (overdue) return "Its time was up.";
  return unused ? "Nobody used it any more." : "";
}

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
const percent = (number) => `${Math.round(number)} %`;
const known = (value) => value !== null && value !== undefined;

// What is in use, for the status bar: "CPU 12 %", "1.2 GB", "GPU 80 %".
export function inUse(usage) {
  if (!usage) return [];
  const gpus = (usage.gpus || []).filter((gpu) => known(gpu.percent));
  const busy = gpus.reduce((sum, gpu) => sum + gpu.percent, 0) / gpus.length;
  return [
    ...(known(usage.cpu_percent) ? [`CPU ${percent(usage.cpu_percent)}`] : []),
    ...(known(usage.memory_bytes) ? [gigabytes(usage.memory_bytes)] : []),
    ...(gpus.length ? [`GPU ${percent(busy)}`] : []),
  ];
}

// The same in full, a line each.
export function details(usage) {
  if (!usage) return [];
  const of = (limit) => (known(limit) ? ` of ${gigabytes(limit)}` : "");
  const lines = [];
  if (known(usage.cpu_percent)) lines.push(`CPU: ${percent(usage.cpu_percent)} of ${many(usage.cpus, "CPU")}`);
  if (known(usage.memory_bytes)) lines.push(`Memory: ${gigabytes(usage.memory_bytes)}${of(usage.memory_limit_bytes)}`);
  for (const gpu of usage.gpus || []) {
    const busy = known(gpu.percent) ? `${percent(gpu.percent)} busy` : "use not known";
    const memory = known(gpu.memory_bytes) ? `, ${gigabytes(gpu.memory_bytes)}${of(gpu.memory_limit_bytes)}` : "";
    lines.push(`${gpu.name}: ${busy}${memory}`);
  }
  return lines;
}
