/* What the server says of the tasks, and how their templates are filled and their answers read. */

export const facts = JSON.parse(document.getElementById("facts").textContent);

const PLACE = /\{(\w+)\}/g;

/** Replace the placeholders in a template. A text that is only one becomes the value itself. Unknown ones stay. */
export function filled(template, values) {
  if (Array.isArray(template)) return template.map((each) => filled(each, values));
  if (template && typeof template === "object") {
    return Object.fromEntries(Object.entries(template).map(([name, each]) => [name, filled(each, values)]));
  }
  if (typeof template !== "string") return template;
  const alone = /^\{(\w+)\}$/.exec(template);
  if (alone && alone[1] in values) return values[alone[1]];
  return template.replace(PLACE, (place, name) => (name in values ? values[name] : place));
}

/** Return the values at a path such as `orders.items.name`; lists on the way are entered. */
export function valuesAt(path, answer) {
  return path.split(".").reduce((found, name) => found.flatMap((node) => node?.[name] ?? [null]), [answer]);
}

export const distinct = (values) => [...new Set(values)];

function factIn(path, answers) {
  const [step, rest] = path.split(":");
  if (step === "#") return distinct(answers.flat().flatMap((answer) => valuesAt(rest, answer))).length;
  const values = answers[step].flatMap((answer) => valuesAt(rest, answer));
  return distinct(values.map((value) => (typeof value === "string" ? value.toLowerCase() : value)));
}

/** Return the names of the facts in which the answers of REST, GraphQL and gRPC differ, or that one lacks. */
export function disagreements(task, answers) {
  const texts = (paths) => ["rest", "graphql", "grpc"].map((name, n) => JSON.stringify(factIn(paths[n], answers[name])));
  return Object.keys(task.facts).filter((name) => {
    const [first, ...others] = texts(task.facts[name]);
    return ["[]", "[null]", "0"].includes(first) || others.some((other) => other !== first);
  });
}

export const rows = () =>
  Array.from({ length: facts.rows.count }, (_, n) => ({ name: `${facts.rows.name} ${n + 1}`, price: 9.5, stock: 0 }));
