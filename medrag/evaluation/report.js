// Filters of the answers. Without it, the page shows all of them.
"use strict";
const form = document.getElementById("filters");
const cards = [...document.querySelectorAll("#cards .card")];
const texts = new Map();

function textOf(card) {
  if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
  return texts.get(card);
}

function matches(answer, wanted) {
  return wanted.every(([name, value]) => answer.dataset[name] === value);
}

function filter() {
  const given = new FormData(form);
  const words = given.get("text").toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = [...given].filter(([name, value]) => value && name !== "text" && name !== "disagree");
  const system = given.get("system");
  let shown = 0;
  for (const card of cards) {
    const answers = [...card.querySelectorAll("article")];
    const verdicts = new Set(answers.map((answer) => answer.dataset.verdict));
    card.hidden =
      !answers.some((answer) => matches(answer, wanted)) ||
      (given.has("disagree") && verdicts.size < 2) ||
      !words.every((word) => textOf(card).includes(word));
    for (const part of card.querySelectorAll("[data-system]")) {
      part.hidden = Boolean(system) && part.dataset.system !== system;
    }
    shown += !card.hidden;
  }
  form.querySelector("output").textContent = `${shown} of ${cards.length} questions`;
}

function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const card = target && target.closest(".card");
  if (card) {
    card.open = true;
    target.scrollIntoView();
  }
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("reset", () => setTimeout(filter));
form.addEventListener("submit", (event) => event.preventDefault());
for (const button of form.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => {
    for (const card of cards) if (!card.hidden) card.open = Boolean(button.dataset.open);
  });
}
addEventListener("hashchange", openTarget);
filter();
openTarget();
