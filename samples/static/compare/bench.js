/* The tasks: three columns, measured in turns. */

import { byId, copy, h, json, ms, shortened, size } from "./dom.js";
import { disagreements, facts, filled, rows } from "./facts.js";
import { chart, LABELS, nativeOf, percentile, spread, verdict } from "./figures.js";
import { ask, gzipSize, run } from "./requests.js";
import { currentHeaders, headersOf } from "./session.js";
import { LANGUAGES, snippet } from "./snippets.js";
import { onState, setState, state } from "./state.js";
import { stepOf, textOf } from "./steps.js";
import { measureStreams } from "./following.js";
import { shopValues } from "./values.js";

const PROTOCOLS = ["rest", "graphql", "grpc"];
const CONNECTIONS = 6; // of a browser to one host, over HTTP/1.1
const WARM_UP = 3;
const DISTANCES = [0, 50, 200];

let task;
let results = null; // of the last run: protocol -> figures
let isRunning = false;
const columns = {};

const MOST_RUNS = 100;

const runs = () => Math.min(Number(state().runs) || task.runs, MOST_RUNS);
const taskOf = (slug) => facts.tasks.find((each) => each.slug === slug) ?? facts.tasks[0];
const distance = () => DISTANCES.includes(Number(state().distance)) ? Number(state().distance) : 0;

export async function startBench() {
  byId("bench").append(picker(), h("div", { id: "task" }));
  for (const button of document.querySelectorAll("[data-run]")) {
    button.addEventListener("click", async () => {
      await choose(button.dataset.run);
      byId("tasks").scrollIntoView();
      await measure();
    });
  }
  if (!facts.demoSignIn) addEventListener("signedin", () => choose(task.slug, state())); // it may fill more values
  onState(async (kept) => taskOf(kept.task) !== task && choose(kept.task, kept));
  await choose(state().task, state());
}

function picker() {
  const button = ({ slug, title }) => h("button", { type: "button", "data-task": slug, onclick: () => choose(slug) }, title);
  return h("div", { class: "bar", role: "group", "aria-label": "Tasks" }, facts.tasks.map(button));
}

async function choose(slug, kept = {}) {
  if (isRunning) return;
  task = taskOf(slug);
  results = null;
  if (slug) setState({ task: task.slug, edited: kept.edited ?? null });
  for (const button of document.querySelectorAll("[data-task]")) {
    button.setAttribute("aria-pressed", String(button.dataset.task === task.slug));
  }
  const values = await shopValues(task).catch(() => ({}));
  const edited = kept.edited ? JSON.parse(kept.edited) : {};
  byId("task").replaceChildren(
    h("p", { id: "note" }, task.note),
    controls(),
    h("p", { id: "said", role: "status" }),
    h("div", { id: "summary" }),
    h("div", { class: "columns" }, PROTOCOLS.map((protocol) => column(protocol, values, edited[protocol]))),
    sources(),
  );
  paint();
}

function controls() {
  const isForbidden = task.writes && !facts.demo;
  const start = h("button", { type: "button", class: "main", id: "start", onclick: measure, disabled: isForbidden }, `Run ${runs()} times`);
  const slider = h("input", {
    type: "range", id: "distance", min: 0, max: 2, step: 1, value: DISTANCES.indexOf(distance()),
    "aria-valuetext": `${distance()} ms`,
    oninput: () => {
      setState({ distance: DISTANCES[slider.value] || null });
      slider.setAttribute("aria-valuetext", `${distance()} ms`);
      output.textContent = `${distance()} ms (computed)`;
      paint();
    },
  });
  const output = h("output", { for: "distance" }, `${distance()} ms (computed)`);
  const why = isForbidden ? h("span", { class: "note" }, "This task writes: it runs only in the demo (manage.py quickstart).") : null;
  return h("div", { class: "bar" }, start, h("label", { for: "distance" }, "Round trip to the shop"), slider, output, why);
}

function column(protocol, values, edited) {
  const steps = task[protocol];
  const texts = steps.map((step, n) => edited?.[n] ?? textOf(protocol, filled(step, values)));
  const areas = texts.map((text, n) =>
    h("textarea", {
      value: text, rows: Math.min(20, text.split("\n").length + 1), spellcheck: "false",
      id: `${protocol}-${n}`, onchange: keepEdited,
    }),
  );
  const labels = steps.map((step, n) => h("label", { for: `${protocol}-${n}` }, labelOf(step, n, steps.length)));
  const language = h("select", { "aria-label": `Language, ${LABELS[protocol]}` }, LANGUAGES[protocol].map((name) => h("option", {}, name)));
  const button = h("button", { type: "button", onclick: async () => copy(await copied(protocol, language.value), button) }, "Copy");
  columns[protocol] = {
    areas, steps,
    answer: h("pre", { tabindex: "0", role: "region", "aria-label": `Answer of ${LABELS[protocol]}` }, "Not asked yet."),
    chart: h("div"),
  };
  return h(
    "article", { class: "card", "data-protocol": protocol },
    h("h3", { class: protocol }, LABELS[protocol]),
    areas.map((area, n) => [labels[n], area]).flat(),
    h("div", { class: "bar" }, language, button),
    h("div", { class: protocol }, columns[protocol].chart),
    h("h4", { class: "note" }, "Answer"),
    columns[protocol].answer,
  );
}

function labelOf(step, n, count) {
  if (step.each) return `For each ${step.each} in the answer before`;
  const rest = JSON.stringify(step).includes("{rows}") ? `; {rows}: the list of ${facts.rows.count} products` : "";
  return `${count > 1 ? `Request ${n + 1}` : "Request, as sent"}${rest}`;
}

async function copied(protocol, language) {
  const { areas, steps } = columns[protocol];
  const values = { rows: rows().slice(0, 3), key: crypto.randomUUID() }; // three rows show how the others look
  const step = (area, n) => filled(stepOf(protocol, area.value, steps[n]), values);
  const parts = areas.map((area, n) => snippet(protocol, language, step(area, n), currentHeaders()));
  return (await Promise.all(parts)).join("\n\n");
}

function keepEdited() {
  const edited = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, columns[protocol].areas.map((area) => area.value)]));
  setState({ edited: JSON.stringify(edited) });
}

const stepsNow = (protocol) =>
  columns[protocol].areas.map((area, n) => stepOf(protocol, area.value, columns[protocol].steps[n]));

function sources() {
  const link = (name) => (facts.demo ? h("a", { href: `/compare/source/${name}` }, name) : h("code", {}, name));
  const parts = PROTOCOLS.flatMap((protocol) => [`${LABELS[protocol]} `, link(task.code[protocol]), ", "]);
  const measured = h("a", { href: `#measured-${task.slug}`, onclick: () => (byId(`measured-${task.slug}`).open = true) }, "last figures of manage.py compare");
  return h("p", { class: "note" }, "The code: ", parts, "the test ", link(task.test), ", the ", measured, ".");
}

// -- Measuring ---------------------------------------------------------------------------------------------------------
async function measure() {
  if (isRunning) return;
  if (task.writes && !facts.demo) return say("This task writes: it runs only in the demo.", "error");
  isRunning = true;
  byId("start").disabled = true;
  say("Preparing …");
  try {
    const values = await shopValues(task);
    const headers = await headersOf(task.caller);
    const found = task.slug === "follow" ? await measureStreams(runs(), values, headers, say) : await measureRequests(values, headers);
    await show(found);
  } catch (error) {
    say(error.message, "error");
  } finally {
    isRunning = false;
    byId("start").disabled = false;
  }
}

async function measureRequests(values, headers) {
  const steps = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, stepsNow(protocol)]));
  const found = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, { samples: [], server: [], exchanges: [], all: [] }]));
  const warmUp = Math.min(WARM_UP, runs());
  for (let n = -warmUp; n < runs(); n++) {
    say(n < 0 ? "Warming up …" : `Run ${n + 1} of ${runs()}`);
    for (let turn = 0; turn < 3; turn++) {
      const protocol = PROTOCOLS[(n + warmUp + turn) % 3];
      const exchanges = [];
      const start = performance.now();
      found[protocol].answers = await run(protocol, steps[protocol], values, headers, exchanges);
      if (n >= 0) {
        found[protocol].samples.push(performance.now() - start);
        found[protocol].server.push(exchanges.reduce((total, each) => total + each.serverMs, 0));
      }
      found[protocol].exchanges = exchanges;
      found[protocol].all.push(found[protocol].answers);
    }
  }
  await tidy(found, headers);
  return found;
}

/** Undo what the runs wrote: cancel the orders, delete the products. */
async function tidy(found, headers) {
  if (task.slug === "batch") await fetch("/compare/clean", { method: "POST", headers, credentials: "omit" });
  if (task.slug !== "order-twice") return;
  say("Cancelling the orders …");
  const idsIn = (answer) => [answer.id ?? answer.order?.id ?? answer.data?.placeOrder?.order?.pk];
  const ids = new Set(Object.values(found).flatMap(({ all }) => all.flat(2).flatMap(idsIn)));
  const waiting = [...ids];
  const cancel = async () => {
    for (let id = waiting.pop(); id; id = waiting.pop()) {
      await ask("rest", { call: `POST /api/v1/orders/${id}/cancel`, message: null, headers: {} }, headers);
    }
  };
  await Promise.all([cancel(), cancel(), cancel()]);
}

async function show(found) {
  results = Object.fromEntries(
    await Promise.all(Object.entries(found).map(async ([protocol, each]) => [protocol, await figuresOf(each)])),
  );
  for (const protocol of PROTOCOLS) {
    const { answers } = found[protocol];
    const shown = answers.length === 1 && answers[0].length === 1 ? answers[0][0] : answers;
    columns[protocol].answer.textContent = shortened(json(shown));
  }
  const answers = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, found[protocol].answers]));
  const differing = disagreements(task, answers);
  const names = Object.keys(task.facts).join(", ");
  if (differing.length) say(`The answers differ in: ${differing.join(", ")}.`, "error");
  else say(names ? `The three answers agree: ${names}.` : "Done: 304 has no body to compare.", "ok");
  paint();
}

async function figuresOf({ samples, server, exchanges, answers, perChange }) {
  const sum = (name) => exchanges.reduce((total, each) => total + each[name], 0);
  const gzipped = await Promise.all(exchanges.map(({ down }) => gzipSize(down)));
  const body = (name) => exchanges.reduce((total, each) => total + each[name].length, 0);
  return {
    samples,
    requests: perChange ? 1 : exchanges.length,
    trips: answers.reduce((total, step) => total + Math.ceil(step.length / CONNECTIONS), 0),
    up: sum("headUp") + body("up"),
    down: perChange ?? sum("headDown") + body("down"),
    gzip: perChange ?? gzipped.reduce((a, b) => a + b, 0),
    p50: percentile(samples, 50),
    p95: percentile(samples, 95),
    spread: spread(samples),
    statements: exchanges.length ? sum("statements") : NaN,
    serverMs: server?.length ? percentile(server, 50) : NaN,
  };
}

// -- Showing -----------------------------------------------------------------------------------------------------------
function say(text, kind = "") {
  const line = byId("said");
  line.className = kind;
  line.textContent = text;
}

function paint() {
  const native = nativeOf(task.slug);
  if (!results) {
    byId("summary").replaceChildren();
    return;
  }
  const most = Math.max(...Object.values(results).map(({ samples }) => percentile(samples, 95))) * 1.15;
  for (const protocol of PROTOCOLS) columns[protocol].chart.replaceChildren(chart(results[protocol].samples, most));
  const lines = PROTOCOLS.map((protocol) => row(protocol, LABELS[protocol], results[protocol]));
  if (native) lines.push(row("native", "gRPC, by manage.py compare: another client", { ...native, statements: NaN, serverMs: NaN }));
  byId("summary").replaceChildren(
    h("div", { class: "scroll", role: "region", "aria-label": "Figures of this run", tabindex: "0" }, h(
      "table", { class: "figures" },
      h("thead", {}, h("tr", {}, heads().map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, lines),
    )),
    h("p", { class: "verdict", id: "verdict" }, verdict(results, distance())),
    h("p", { class: "note" }, "Bytes with the headers that the page sees; the browser adds some of its own. Gzip is computed: bodies received, if compressed. Two protocols are as fast as each other if their medians differ by less than the runs of one do. Server: the median of the runs."),
  );
}

const heads = () => [
  ...["Protocol", "req.", "up", "down", "gzip", "p50", "p95"],
  ...(distance() ? [`p50 at +${distance()} ms`] : []),
  ...["SQL", "server"],
];

function row(name, label, { requests, trips, up, down, gzip, p50, p95, statements, serverMs }) {
  const cells = [
    requests, size(up), size(down), size(gzip), ms(p50), ms(p95), ...(distance() ? [ms(p50 + trips * distance())] : []),
    Number.isNaN(statements) ? "–" : statements, Number.isNaN(serverMs) ? "–" : ms(serverMs),
  ];
  return h("tr", { "data-figures": name }, h("th", { scope: "row", class: name }, label), cells.map((cell) => h("td", {}, String(cell))));
}
