/* The live strip: a change reaches three streams with the same cursor; they resume without gaps or duplicates. */

import { byId, h, ms } from "./dom.js";
import { facts } from "./facts.js";
import { changePrice } from "./following.js";
import { LABELS } from "./figures.js";
import { headersOf } from "./session.js";
import { follow, unlessCut } from "./streams.js";
import { shopValues } from "./values.js";

const PROTOCOLS = ["rest", "graphql", "grpc"];
const NAMES = { rest: "SSE", graphql: "GraphQL subscription, by SSE", grpc: "gRPC-Web stream" };
const WHILE_CUT = 3; // changes while the streams are disconnected

const received = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, []]));
const logs = {};
let line = null; // aborts the streams
let changedAt = 0;
let price = 12;

export function startLive() {
  const button = (id, text, action) => h("button", { type: "button", id, onclick: guarded(action), disabled: !facts.demo }, text);
  byId("strip").append(
    h(
      "div", { class: "bar" },
      button("change", "Change a price", change),
      button("cut", `Disconnect, change ${WHILE_CUT} prices, resume`, cutAndResume),
      button("hang-up", "Close the streams", async () => close()),
      h("span", { id: "line", role: "status" }, facts.demo ? "The streams open with the first change." : "This changes a price, so it runs only in the demo (manage.py quickstart)."),
    ),
    h("div", { class: "columns" }, PROTOCOLS.map(column)),
  );
}

// A browser may keep a page that was left, with its streams, and it opens only six connections to a host.
addEventListener("pagehide", () => line && close());

function column(protocol) {
  logs[protocol] = h("div", { class: "log", tabindex: "0", role: "log", "aria-label": NAMES[protocol] });
  return h("div", { class: "card" }, h("h3", { class: protocol }, NAMES[protocol]), logs[protocol]);
}

function guarded(action) {
  return async () => {
    try {
      await action();
    } catch (error) {
      say(error.message, "error");
    }
  };
}

async function open() {
  if (line) return;
  line = new AbortController();
  const { product } = await shopValues();
  const shared = PROTOCOLS.map((protocol) => received[protocol].at(-1)?.cursor).find(Boolean) ?? null;
  for (const protocol of PROTOCOLS) {
    const after = received[protocol].at(-1)?.cursor ?? shared;
    const [ended] = await follow[protocol](product, after, line.signal, (each) => arrived(protocol, each));
    ended.catch(unlessCut).catch((error) => say(error.message, "error"));
  }
}

function close() {
  line?.abort();
  line = null;
  say("The streams are closed.");
}

function arrived(protocol, { cursor, price: now, at }) {
  received[protocol].push({ cursor, price: now });
  logs[protocol].prepend(h("div", {}, `cursor ${cursor}  ${now.toFixed(2)}  after ${ms(at - changedAt)}`));
  check();
}

async function change() {
  const headers = await headersOf("staff");
  await open();
  await changeOnce(headers);
}

async function changeOnce(headers) {
  const { product } = await shopValues();
  price = price >= 20 ? 12 : Math.round((price + 0.05) * 100) / 100;
  changedAt = performance.now();
  await changePrice(product, price, headers);
}

async function cutAndResume() {
  const headers = await headersOf("staff");
  if (!received.rest.length) {
    await open();
    await changeOnce(headers);
    await until(isEven);
  }
  close();
  say(`Disconnected; ${WHILE_CUT} prices change.`);
  for (let n = 0; n < WHILE_CUT; n++) await changeOnce(headers);
  const wanted = received.rest.length + WHILE_CUT;
  await open();
  await until(() => PROTOCOLS.every((protocol) => received[protocol].length >= wanted));
  check();
}

const isEven = () => new Set(PROTOCOLS.map((protocol) => received[protocol].length)).size === 1 && received.rest.length > 0;

async function until(isTrue) {
  const late = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > late) throw new Error("The changes did not arrive.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Compare the cursors of the three streams once each has received as many changes. */
function check() {
  if (!isEven()) return;
  const lists = PROTOCOLS.map((protocol) => received[protocol].map(({ cursor }) => cursor));
  const isSame = lists.every((list) => list.join() === lists[0].join());
  const isWithoutDuplicate = lists.every((list) => new Set(list).size === list.length);
  const count = lists[0].length;
  if (isSame && isWithoutDuplicate) say(`No gap, no duplicate: the same ${count} ${count === 1 ? "cursor" : "cursors"} in each stream.`, "ok");
  else say(`The streams differ: ${lists.map((list, n) => `${LABELS[PROTOCOLS[n]]} ${list.length}`).join(", ")}.`, "error");
}

function say(text, kind = "") {
  byId("line").className = kind;
  byId("line").textContent = text;
}
