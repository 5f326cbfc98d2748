/* The values of the shop that fill the tasks. */

import { facts } from "./facts.js";
import { ask } from "./requests.js";
import { currentHeaders, headersOf } from "./session.js";

const LIST = facts.tasks.find((task) => task.slug === "again").rest[0].call.split(" ")[1];
let product; // the one with the largest stock

async function mostStocked() {
  const call = "GET /api/v1/products?sort=stock&order=desc&per_page=1";
  const { products } = await ask("rest", { call, message: null, headers: {} }, {});
  return products[0];
}

async function etagNow() {
  const response = await fetch(LIST, { credentials: "omit", cache: "no-store" });
  return response.headers.get("ETag");
}

/** The user whose orders are read: the customer in demo mode, else the signed-in user. */
async function customerId() {
  const headers = facts.demoSignIn ? await headersOf("customer") : currentHeaders();
  if (!headers.Authorization) return {};
  const me = await ask("rest", { call: "GET /api/v1/users/me", message: null, headers: {} }, headers);
  return { customer: me.id };
}

/** Return the values that a task names, and the product. */
export async function shopValues(task = {}) {
  const text = JSON.stringify(task);
  product ??= await mostStocked();
  return {
    product: product.id,
    productPrice: product.price,
    ...(text.includes("{etag}") ? { etag: await etagNow() } : {}),
    ...(text.includes("{customer}") ? await customerId() : {}),
  };
}

export async function stockNow(id) {
  return (await ask("rest", { call: `GET /api/v1/products/${id}`, message: null, headers: {} }, {})).stock;
}
