/* Four questions that lead to one answer and its counter-argument. */

import { byId, h } from "./dom.js";
import { facts } from "./facts.js";
import { onState, setState, state } from "./state.js";

const form = byId("questions");
const names = facts.questions.map((question) => question.name);

export function startChooser() {
  form.addEventListener("change", () => {
    setState(Object.fromEntries(new FormData(form)));
    show();
  });
  onState(restore);
  restore(state());
}

function restore(kept) {
  for (const name of names) {
    for (const input of form.elements[name]) input.checked = input.value === kept[name];
  }
  show();
}

function show() {
  const choices = Object.fromEntries(new FormData(form));
  const open = names.filter((name) => !(name in choices)).length;
  byId("advice").replaceChildren(...(open ? [h("p", {}, remaining(open))] : advice(choices)));
}

const remaining = (count) =>
  count === names.length ? "Answer the questions in any order." : `${count} more ${count === 1 ? "question" : "questions"}.`;

function advice(choices) {
  const fits = ({ when }) => Object.entries(when).every(([name, value]) => choices[name] === value);
  const { use, why, but, task } = facts.answers.find(fits);
  const measured = facts.byHowMuch[task];
  return [
    h("p", {}, h("strong", {}, use), `: ${why}`),
    measured && h("p", {}, `Measured: ${measured}`),
    h("p", { class: "note" }, `But: ${but}`),
  ].filter(Boolean);
}
