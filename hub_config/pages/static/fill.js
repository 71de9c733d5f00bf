// What the start page does once it is there: it asks what Slurm says, and puts that in its places.
"use strict";

window.onramp = window.onramp || {};

{
  const parts = (page) => page.querySelectorAll("[data-part]");

  // A person may have filled in a field meanwhile, or come back to one that was refused: that stays.
  const touched = (field) => (field.tagName === "SELECT" ? field.selectedIndex > 0 : field.value !== "");
  const kept = (place) =>
    place.contains(document.activeElement) ||
    place.querySelector("[aria-invalid]") !== null ||
    [...place.querySelectorAll("input:not([type=hidden]), select")].some(touched);

  // A card that is closed cannot stay chosen.
  const close = (told) => {
    for (const now of told.querySelectorAll("input[name=profile]")) {
      const card = document.getElementById(now.id);
      card.disabled = now.disabled;
      card.parentElement.classList.toggle("closed", now.disabled);
      if (now.disabled) card.checked = false;
    }
    const cards = [...document.querySelectorAll("input[name=profile]")];
    const first = cards.find((card) => !card.disabled);
    if (first && !cards.some((card) => card.checked)) first.checked = true;
  };

  // The page's own address without options, which would start a server at once.
  const address = () => {
    const name = new URLSearchParams(window.location.search).get("display_name");
    return window.location.pathname + (name ? `?${new URLSearchParams({ display_name: name })}` : "");
  };

  onramp.fill = async (status) => {
    if (status.dataset.pending === undefined) return;
    delete status.dataset.pending;
    try {
      const answer = await fetch(address(), { headers: { "X-Onramp-Wait": "1" } });
      const told = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok || !told.getElementById("asking")) throw new Error(answer.status);
      const fresh = new Map([...parts(told)].map((part) => [part.dataset.part, part]));
      for (const place of parts(document)) {
        const part = fresh.get(place.dataset.part);
        if (part && !kept(place)) place.replaceChildren(...part.childNodes);
      }
      close(told);
      status.classList.add("visually-hidden"); // who sees the cards sees it there; a screen reader tells it
      status.textContent = told.querySelector("[data-part=trouble] p") ? "" : "What a start costs, and when it would be, is said now.";
    } catch {
      status.textContent = "The hub did not say what a start costs. You can start all the same.";
    }
  };
}
