/* The task that follows a price: how long a change takes to arrive over each stream. */

import { facts, filled } from "./facts.js";
import { ask } from "./requests.js";
import { follow, unlessCut } from "./streams.js";

const WARM_UP = 3;
const PATIENCE_MS = 10_000;

export const changePrice = (product, price, headers) =>
  ask("rest", filled(facts.changePrice, { product, price }), headers);

export async function measureStreams(runs, { product, productPrice }, headers, say) {
  const cut = new AbortController();
  const streams = {};
  try {
    for (const [protocol, open] of Object.entries(follow)) streams[protocol] = await opened(open, product, cut.signal);
    for (let n = -WARM_UP; n < runs; n++) {
      say(n < 0 ? "Warming up …" : `Change ${n + 1} of ${runs}`);
      const start = performance.now();
      await changePrice(product, 10 + (n + WARM_UP) / 100, headers);
      for (const stream of Object.values(streams)) {
        const { at } = await stream.change(n + WARM_UP);
        if (n >= 0) stream.samples.push(at - start);
      }
    }
  } finally {
    cut.abort();
    await changePrice(product, productPrice, headers);
  }
  return Object.fromEntries(Object.entries(streams).map(([protocol, stream]) => [protocol, resultOf(protocol, stream)]));
}

async function opened(open, product, signal) {
  const stream = { samples: [], changes: [], wake: () => {} };
  const [ended] = await open(product, null, signal, (change) => {
    stream.changes.push(change);
    stream.wake();
  });
  ended.catch(unlessCut);
  stream.change = async (n) => {
    const late = performance.now() + PATIENCE_MS;
    while (stream.changes.length <= n) {
      if (performance.now() > late) throw new Error("A change did not arrive.");
      await new Promise((resolve) => {
        stream.wake = resolve;
        setTimeout(resolve, 1000);
      });
    }
    return stream.changes[n];
  };
  return stream;
}

/** The answers in the form in which the task names its facts. */
function resultOf(protocol, { samples, changes }) {
  const last = changes.at(-1);
  const answer =
    protocol === "graphql"
      ? { data: { productUpdated: { newPrice: last.price, cursor: last.cursor } } }
      : { new_price: last.price, cursor: last.cursor };
  return { samples, exchanges: [], answers: [[answer]], perChange: last.bytes };
}
