/* Ten calls that a page of another origin makes: `calls(shop, token)` returns, by name, what the page could read of each
   response, or "refused" if the browser kept it from the page. */
"use strict";

async function calls(shop, token) {
  const authorization = `Bearer ${token}`;
  const json = { "Content-Type": "application/json" };
  const frame = (bytes) => new Uint8Array([0, 0, 0, 0, bytes.length, ...bytes]);
  const read = async (path, options, ...names) => {
    const response = await fetch(shop + path, options);
    return [response.status, ...names.map((name) => response.headers.has(name) && name)];
  };

  const events = async (path, options) => {
    const response = await fetch(shop + path, options);
    const reader = response.body.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return [response.status, value.length > 0];
  };
  const eventSource = () =>
    new Promise((resolve, reject) => {
      const source = new EventSource(`${shop}/api/v1/products/events`);
      source.onopen = () => (source.close(), resolve(["open"]));
      source.onerror = () => (source.close(), reject(new Error("refused")));
    });
  const socket = (path, protocol) =>
    new Promise((resolve, reject) => {
      const connection = new WebSocket(shop.replace("http", "ws") + path, protocol);
      connection.onopen = () => (connection.close(), resolve(["open"]));
      connection.onerror = () => reject(new Error("refused"));
    });

  const made = {
    "REST read": read("/api/v1/products/1", {}, "ETag", "Last-Modified", "RateLimit", "X-Request-ID"),
    "REST write": read(
      "/api/v1/orders",
      {
        method: "POST",
        headers: { ...json, authorization, "Idempotency-Key": "a" },
        body: '{"items": [{"product_id": 1, "quantity": 1}]}',
      },
      "Location",
    ),
    "REST refusal": read("/api/v2/products/1", { method: "PATCH", headers: { ...json, "If-Match": '"x"' }, body: "{}" }),
    "Refusal before Django": read("/api/v1/products", { method: "POST", headers: json, body: "x".repeat(2000) }),
    "Event stream": eventSource(),
    GraphQL: read("/graphql", { method: "POST", headers: { ...json, authorization }, body: '{"query": "{me {username}}"}' }),
    "GraphQL stream": events("/graphql", {
      method: "POST",
      headers: { ...json, Accept: "text/event-stream" },
      body: '{"query": "subscription {productUpdated {cursor}}"}',
    }),
    Connect: read("/ecommerce.ProductService/GetProduct", {
      method: "POST",
      headers: { ...json, "Connect-Protocol-Version": "1" },
      body: '{"id": 1}',
    }),
    "gRPC-Web": fetch(`${shop}/ecommerce.ProductService/GetProduct`, {
      method: "POST",
      headers: { "Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1", authorization: "Bearer x" },
      body: frame([8, 1]),
    }).then(async (response) => /grpc-status: ?\d+/i.exec(await response.text())),
    WebSocket: socket("/ws/prices"),
  };
  const found = {};
  for (const [name, call] of Object.entries(made)) found[name] = await call.catch(() => "refused");
  return found;
}
