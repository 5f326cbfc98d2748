/* The same mistake over each protocol: more is ordered than is in stock. */

import { byId, h, json } from "./dom.js";
import { facts, filled } from "./facts.js";
import { LABELS } from "./figures.js";
import { ask, Refused } from "./requests.js";
import { headersOf } from "./session.js";
import { shopValues, stockNow } from "./values.js";

const PROTOCOLS = ["rest", "graphql", "grpc"];

export function startMistake() {
  const said = h("span", { role: "status", id: "mistake-said" }, facts.demo ? "" : "This places an order, so it runs only in the demo.");
  const make = async () => {
    try {
      await order();
      said.className = "";
      said.replaceChildren("One error code for all three: ", h("a", { href: "/api/problems/out_of_stock" }, "out_of_stock"), ".");
    } catch (error) {
      said.className = "error";
      said.textContent = error.message;
    }
  };
  byId("refusals").append(
    h("div", { class: "bar" }, h("button", { type: "button", id: "mistake-make", onclick: make, disabled: !facts.demo }, "Order more than the stock"), said),
    h("div", { class: "columns", id: "refused" }),
  );
}

async function order() {
  const headers = await headersOf("customer");
  const { product } = await shopValues();
  const values = { product, too_many: (await stockNow(product)) + 1 };
  const cards = [];
  for (const protocol of PROTOCOLS) {
    cards.push(card(protocol, await refusalOf(protocol, filled(facts.outOfStock[protocol], values), headers)));
  }
  byId("refused").replaceChildren(...cards);
}

async function refusalOf(protocol, step, headers) {
  try {
    await ask(protocol, step, headers);
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
  throw new Error(`${LABELS[protocol]} accepted the order.`);
}

function card(protocol, answer) {
  const code = answer.errors?.[0]?.extensions?.code ?? answer.status;
  return h(
    "article", { class: "card", "data-refused": protocol },
    h("h3", { class: protocol }, `${LABELS[protocol]}: ${code}`),
    h("pre", { tabindex: "0", role: "region", "aria-label": `Refusal of ${LABELS[protocol]}` }, json(answer)),
  );
}
