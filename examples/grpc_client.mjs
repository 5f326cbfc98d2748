// Every call of the shop's gRPC API, from Node.js with only the .proto files:
//   npm install @grpc/grpc-js @grpc/proto-loader
//   DEMO_PASSWORD=... node examples/grpc_client.mjs 127.0.0.1:50051
// DEMO_PASSWORD is the password of `staff` that quickstart printed. Exits with 1 if a response is not as expected.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const protos = join(dirname(fileURLToPath(import.meta.url)), "..", "protos");
const files = ["product.proto", "order.proto", "account.proto", "report.proto"];
const definition = loader.loadSync(files, { includeDirs: [protos], keepCase: true, longs: Number, defaults: true });
const { ProductService, OrderService, AccountService, ReportService } = grpc.loadPackageDefinition(definition).ecommerce;
const [address = "127.0.0.1:50051"] = process.argv.slice(2);
const clients = [ProductService, OrderService, AccountService, ReportService].map(
  (Service) => new Service(address, grpc.credentials.createInsecure()),
);
const methods = [ProductService, OrderService, AccountService, ReportService].flatMap(({ service }) => Object.keys(service));
const made = new Set();
const PICTURE = Buffer.from(  // a PNG of one pixel
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

// The parts of google/rpc/status.proto and error_details.proto that this client reads.
const text = (id) => ({ type: "string", id });
const many = (type, id) => ({ rule: "repeated", type, id });
const rpc = loader.fromJSON(
  {
    nested: {
      Any: { fields: { type_url: text(1), value: { type: "bytes", id: 2 } } },
      Status: { fields: { code: { type: "int32", id: 1 }, message: text(2), details: many("Any", 3) } },
      ErrorInfo: { fields: { reason: text(1), domain: text(2) } },
      FieldViolation: { fields: { field: text(1), description: text(2) } },
      BadRequest: { fields: { field_violations: many("FieldViolation", 1) } },
    },
  },
  { keepCase: true, defaults: true },
);

// Returns the parts of a refusal: gRPC's status and text, the shop's code, and a text for each field.
function refusalOf(error) {
  const refusal = { status: grpc.status[error.code], text: error.details, code: "", fields: {} };
  for (const content of error.metadata.get("grpc-status-details-bin")) {
    for (const { type_url, value } of rpc.Status.deserialize(content).details) {
      if (type_url.endsWith(".ErrorInfo")) refusal.code = rpc.ErrorInfo.deserialize(value).reason;
      if (type_url.endsWith(".BadRequest")) {
        const { field_violations } = rpc.BadRequest.deserialize(value);
        refusal.fields = Object.fromEntries(field_violations.map(({ field, description }) => [field, description]));
      }
    }
  }
  return refusal;
}

function metadataOf(token, more = {}) {
  const metadata = new grpc.Metadata();
  if (token) metadata.set("authorization", `Bearer ${token}`);
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  return metadata;
}

function clientOf(name) {
  made.add(name);
  return clients.find((client) => client[name]);
}

// Makes a unary call.
function call(name, request, token, more) {
  return new Promise((resolve, reject) => {
    const deadline = { deadline: Date.now() + 10_000 };
    clientOf(name)[name](request, metadataOf(token, more), deadline, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

async function refused(name, request, token) {
  return call(name, request, token).then(() => assert.fail(`${name} was not refused`), refusalOf);
}

// Returns the first message of a stream for which `passes` is true, and cancels the stream.
function first(stream, passes = () => true) {
  return new Promise((resolve, reject) => {
    stream.on("data", (message) => {
      if (passes(message)) {
        resolve(message);
        stream.cancel();
      }
    });
    stream.on("error", (error) => (error.code === grpc.status.CANCELLED ? null : reject(error)));
  });
}

function say(what, answer) {
  console.log(what.padEnd(20), answer);
}

async function asCustomer(product) {
  const username = `node-${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("base64");
  const { user } = await call("RegisterUser", { username, email: `${username}@example.com`, password });
  const tokens = await call("ObtainToken", { username, password });
  const { access, refresh } = await call("RefreshToken", { refresh: tokens.refresh });
  assert.equal((await call("GetMe", {}, access)).user.username, username);
  assert.equal((await call("GetUser", { id: user.id }, access)).user.username, username);
  const items = [{ product_id: product.id, quantity: 1 }];
  const key = { "idempotency-key": randomBytes(8).toString("hex") };
  const { order } = await call("PlaceOrder", { items }, access, key);
  assert.equal((await call("PlaceOrder", { items }, access, key)).order.id, order.id);
  assert.deepEqual((await call("GetOrder", { id: order.id }, access)).order, order);
  assert.equal((await call("ListOrders", {}, access)).total, 1);
  assert.equal((await call("ListUserOrders", { user_id: user.id }, access)).orders[0].number, order.number);
  assert.equal((await call("CancelOrder", { id: order.id }, access)).order.status, "cancelled");
  assert.deepEqual(await refused("CreateProduct", { name: "Mine", price: 1 }, access), {
    status: "PERMISSION_DENIED",
    text: "Not permitted",
    code: "forbidden",
    fields: {},
  });
  const second = (await call("PlaceOrder", { items }, access)).order;
  await call("RevokeToken", { refresh });
  assert.equal((await refused("RefreshToken", { refresh })).code, "unauthenticated");
  say("as a customer", `${username}: ${order.number} cancelled, ${second.number} ${second.status}`);
  return second;
}

async function asStaff(token, order) {
  for (const [verb, status] of [
    ["PayOrder", "paid"],
    ["ShipOrder", "shipped"],
    ["DeliverOrder", "delivered"],
    ["RefundOrder", "refunded"],
  ]) {
    assert.equal((await call(verb, { id: order.id }, token)).order.status, status);
  }
  const again = await call("BatchMoveOrders", { verb: "refund", orders: [{ order_id: order.id }] }, token);
  assert.deepEqual([again.moved_count, again.failures[0].code], [0, "invalid_transition"]);
  assert.ok((await call("ListUsers", {}, token)).total >= 2);
  const days = { created_from: "2026-11-01", created_to: "2026-11-30" };
  assert.equal((await call("GetSales", days, token)).report.days.length, 30);
  const { product } = await call("CreateProduct", { name: "Lamp of Node", price: 19.99, stock: 3 }, token);
  const changed = (await call("UpdateProduct", { id: product.id, stock: 0 }, token)).product;
  assert.deepEqual([changed.name, changed.price, changed.stock, changed.version], ["Lamp of Node", 19.99, 0, 2]);
  const corrected = await call("CorrectStock", { id: product.id, units: 4, reason: "Counted" }, token);
  assert.equal(corrected.product.stock, 4);
  const bySku = await call("BatchChangeProducts", { changes: [{ sku: "NO-SUCH-SKU", price: 1 }] }, token);
  assert.deepEqual([bySku.changed_count, bySku.failures.length], [0, 1]);
  const { changes } = await call("ListProductHistory", { id: product.id }, token);
  assert.equal(changes[0].kind, "correction");
  assert.equal((await refused("RevertProduct", { id: product.id, change_id: 0 }, token)).code, "invalid_input");
  assert.ok((await call("ListOrderHistory", { id: order.id }, token)).total >= 5);
  const withImage = (await call("SetProductImage", { id: product.id, image: PICTURE }, token)).product;
  assert.ok(withImage.thumbnail.endsWith(".png"));
  assert.equal((await call("RemoveProductImage", { id: product.id }, token)).product.version, withImage.version + 1);

  const lamps = { q: "Lamp of Node", percent: 10 };
  const { preview } = await call("PreviewPrices", lamps, token);
  const { price_change } = await call("ChangePrices", { ...lamps, as_of: preview.as_of }, token);
  assert.equal(price_change.changed, preview.changed);
  assert.deepEqual((await call("GetPriceChange", { id: price_change.id }, token)).price_change, price_change);
  assert.equal((await call("ListPriceChanges", {}, token)).price_changes[0].id, price_change.id);
  assert.equal((await call("UndoPriceChange", { id: price_change.id }, token)).price_change.restored, preview.changed);
  assert.deepEqual(await refused("CreateProduct", { name: "", price: NaN }, token), {
    status: "INVALID_ARGUMENT",
    text: "Invalid product data",
    code: "invalid_input",
    fields: { name: "Name is required", price: "Valid price is required" },
  });

  const live = clientOf("LivePriceUpdates").LivePriceUpdates(metadataOf(token));
  live.on("metadata", () => {
    live.write({ product_id: product.id, new_price: -1 });
    live.write({ product_id: product.id, new_price: 17.5 });
  });
  const codes = [];
  const update = await first(live, (message) => {
    codes.push(message.error_code);
    return message.new_price === 17.5;
  });
  assert.ok(codes.includes("invalid_input"));
  const after = String(Number(update.cursor) - 1);
  const watch = clientOf("WatchProducts").WatchProducts({ id: product.id, after }, metadataOf());
  assert.deepEqual(await first(watch), update);

  const batch = await new Promise((resolve, reject) => {
    const metadata = metadataOf(token, { "batch-atomic": "call" });
    const rows = clientOf("BatchCreateProducts").BatchCreateProducts(metadata, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    rows.write({ name: "Vase of Node", price: 5 });
    rows.end({ name: "", price: 0 });
  });
  assert.deepEqual([batch.created_count, batch.failures.map(({ index }) => index)], [0, [1]]);
  assert.equal((await call("DeleteProduct", { id: product.id }, token)).success, true);
  say("as staff", `order refunded, ${product.name} came, cost ${update.new_price} and went`);
}

const list = await call("ListProducts", { sort_by: "price", page_size: 3, in_stock: true });
const { product } = await call("GetProduct", { id: list.products[0].id });
say("cheapest of", `${list.total}: ${product.name}, ${product.price}, ${product.stock} left`);
const missing = await refused("GetProduct", { id: 0 });
assert.deepEqual([missing.status, missing.text, missing.code], ["NOT_FOUND", "Product 0 not found", "not_found"]);
const order = await asCustomer(product);
if (process.env.DEMO_PASSWORD) {
  const { access } = await call("ObtainToken", { username: "staff", password: process.env.DEMO_PASSWORD });
  await asStaff(access, order);
  assert.deepEqual(methods.filter((name) => !made.has(name)), []);
}
say("methods called", `${made.size} of ${methods.length}`);
for (const client of clients) client.close();
