/* One change, followed over SSE, over a GraphQL subscription and over gRPC-Web. Each stream resumes after a cursor. */

import * as grpcweb from "./grpcweb.js";

/** Open a stream until `signal` aborts it. `onChange` gets `{cursor, price, at, bytes}`; the promise resolves when it
    has begun, with a promise of its end. */
export const follow = { rest: followSse, graphql: followGraphql, grpc: followGrpc };

const QUERY = `subscription ($id: Int, $after: String) {
  productUpdated(id: $id, after: $after) { productId newPrice newStock kind cursor }
}`;

async function followSse(product, after, signal, onChange) {
  const headers = { Accept: "text/event-stream", ...(after ? { "Last-Event-ID": after } : {}) };
  const response = await fetch(`/api/v1/products/${product}/events`, { headers, signal, credentials: "omit", cache: "no-store" });
  return [eventsOf(response, ({ event, id, data }, bytes) => {
    if (event === "product") onChange({ cursor: id, price: JSON.parse(data).new_price, at: performance.now(), bytes });
  })];
}

async function followGraphql(product, after, signal, onChange) {
  const response = await fetch("/graphql", {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ query: QUERY, variables: { id: product, after: after ?? null } }),
    signal,
  });
  return [eventsOf(response, ({ event, data }, bytes) => {
    if (event !== "next") return;
    const { cursor, newPrice } = JSON.parse(data).data.productUpdated;
    onChange({ cursor, price: newPrice, at: performance.now(), bytes });
  })];
}

function followGrpc(product, after, signal, onChange) {
  return new Promise((begun, failed) => {
    const ended = grpcweb.call("/ecommerce.ProductService/WatchProducts", [{ id: product, after: after ?? "" }], {
      signal,
      onHead: () => begun([ended]),
      onMessage: ({ cursor, new_price: price }, bytes) => onChange({ cursor, price, at: performance.now(), bytes }),
    });
    ended.catch(failed);
  });
}

async function eventsOf(response, onEvent) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) onEvent(fieldsIn(block), block.length + 2);
  }
}

function fieldsIn(block) {
  const pairs = block.split("\n").map((line) => /^([^:]*):? ?(.*)$/.exec(line).slice(1));
  return Object.fromEntries(pairs);
}

/** The end of a stream that this page has closed is not an error. */
export const unlessCut = (error) => {
  if (error.name !== "AbortError") throw error;
};
