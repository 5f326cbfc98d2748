/* The gRPC explorer: any method of the shop, by form or JSON, over gRPC-Web. */

import { byId, copy, h, json, shortened } from "./dom.js";
import * as grpcweb from "./grpcweb.js";
import { schema } from "./protobuf.js";
import { currentHeaders } from "./session.js";
import { LANGUAGES, snippet } from "./snippets.js";
import { setState, state } from "./state.js";

const NUMBERS = /^(u?int|sint|s?fixed)(32|64)$|^double$|^float$/;

let shop;
let method;
let call = null; // aborts the call

export async function startExplorer() {
  const root = byId("methods");
  const observer = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    await build(root);
  });
  observer.observe(root);
}

async function build(root) {
  shop = await schema();
  const kept = state();
  const select = h("select", { id: "method", onchange: () => choose(select.value) }, options());
  root.replaceChildren(
    h("div", { class: "bar" }, h("label", { for: "method" }, "Method"), select, h("span", { class: "note", id: "method-note" })),
    h(
      "div", { class: "columns" },
      h("div", { class: "card" }, h("h3", {}, "Request"), h("div", { id: "form" }), h("label", { for: "message" }, "As JSON"),
        h("textarea", { id: "message", rows: 8, spellcheck: "false", onchange: () => fillForm() }),
        h("label", { for: "metadata" }, "Metadata, one name: value per line; the sign-in is added"),
        h("textarea", { id: "metadata", rows: 2, spellcheck: "false" }),
        callBar()),
      h("div", { class: "card" }, h("h3", {}, "Answer"), h("p", { id: "status", role: "status" }, "Not called yet."),
        h("pre", { id: "messages", tabindex: "0", role: "region", "aria-label": "Messages" }),
        h("h4", { class: "note" }, "Trailers, then headers"),
        h("pre", { id: "trailers", tabindex: "0", role: "region", "aria-label": "Trailers and headers" })),
    ),
  );
  const first = shop.methods.some(({ path }) => path === kept.method) ? kept.method : "/ecommerce.ProductService/ListProducts";
  select.value = first;
  choose(first, kept.message);
}

function options() {
  const services = Map.groupBy ? Map.groupBy(shop.methods, serviceOf) : grouped(shop.methods);
  return [...services].map(([service, methods]) =>
    h("optgroup", { label: service }, methods.map(({ path }) => h("option", { value: path }, path.split("/")[2]))),
  );
}

const serviceOf = ({ path }) => path.split("/")[1];

function grouped(methods) {
  const found = new Map();
  for (const each of methods) found.set(serviceOf(each), [...(found.get(serviceOf(each)) ?? []), each]);
  return found;
}

function callBar() {
  const language = h("select", { "aria-label": "Language of the copy" }, LANGUAGES.grpc.map((name) => h("option", {}, name)));
  const button = h("button", { type: "button", onclick: async () => copy(await copied(language.value), button) }, "Copy");
  return h("div", { class: "bar" },
    h("button", { type: "button", class: "main", id: "call", onclick: send }, "Call"),
    h("button", { type: "button", id: "stop", disabled: true, onclick: () => call?.abort() }, "Stop"),
    language, button);
}

const copied = (language) => snippet("grpc", language, { call: method.path, message: messageNow(), headers: metadataNow() }, currentHeaders());

function choose(path, message) {
  method = shop.method(path);
  const example = shop.example(method.input);
  byId("message").value = message ?? json(method.clientStreams ? [example] : example);
  const kinds = { true: "The client streams: JSON is a list of messages.", false: "" };
  const isBoth = method.clientStreams && method.serverStreams;
  byId("method-note").textContent = isBoth
    ? "Streams in both directions: browsers can't; use native gRPC or the WebSocket /ws/prices."
    : method.serverStreams ? "The server streams until you stop it." : kinds[method.clientStreams];
  byId("call").disabled = isBoth;
  fillForm();
}

// -- The form and its JSON -----------------------------------------------------------------------------------------------
function fillForm() {
  setState({ method: method.path, message: byId("message").value });
  if (method.clientStreams) return byId("form").replaceChildren();
  let message;
  try {
    message = JSON.parse(byId("message").value || "{}");
  } catch {
    return say("The JSON can't be read.", "error");
  }
  return byId("form").replaceChildren(...shop.messages[method.input].map((field) => input(field, message)).flat());
}

function input(field, message) {
  const id = `field-${field.name}`;
  const isPlain = !field.repeated && field.type !== "message";
  if (!isPlain) return [h("p", { class: "note" }, `${field.name}: ${field.repeated ? "list of " : ""}${field.kind ?? field.type}, in the JSON`)];
  const given = message[field.name];
  const label = h("label", { for: id }, `${field.name} (${field.optional ? "optional " : ""}${field.type})`);
  if (field.type === "bool") {
    return [label, h("input", { id, type: "checkbox", checked: Boolean(given), onchange: (event) => setField(field, event.target.checked) })];
  }
  const type = NUMBERS.test(field.type) ? { type: "number", step: "any" } : { type: /password/.test(field.name) ? "password" : "text" };
  const change = (event) => setField(field, valueOf(field, event.target.value));
  return [label, h("input", { id, ...type, autocomplete: "off", value: given ?? "", onchange: change })];
}

function valueOf(field, text) {
  if (text === "" && field.optional) return undefined;
  return NUMBERS.test(field.type) ? Number(text) : text;
}

function setField(field, value) {
  byId("message").value = json({ ...JSON.parse(byId("message").value || "{}"), [field.name]: value });
  setState({ message: byId("message").value });
}

const messageNow = () => JSON.parse(byId("message").value || "{}");

function metadataNow() {
  const lines = byId("metadata").value.split("\n").filter((line) => line.includes(":"));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()]));
}

// -- The call ----------------------------------------------------------------------------------------------------------
async function send() {
  call?.abort();
  call = new AbortController();
  byId("stop").disabled = false;
  byId("messages").textContent = byId("trailers").textContent = "";
  say("Called …");
  try {
    const message = messageNow();
    const options = { headers: { ...currentHeaders(), ...metadataNow() }, signal: call.signal };
    if (method.serverStreams) Object.assign(options, { onMessage: append, onHead: () => say("The stream is open.", "ok") });
    finish(await grpcweb.call(method.path, Array.isArray(message) ? message : [message], options));
  } catch (error) {
    if (error.name === "AbortError") say("Stopped.");
    else say(error.message, "error");
  } finally {
    byId("stop").disabled = true;
  }
}

addEventListener("pagehide", () => call?.abort());

function append(message) {
  byId("messages").textContent = shortened(`${json(message)}\n${byId("messages").textContent}`);
}

const lines = (fields) => Object.entries(fields).map(([name, value]) => `${name}: ${value}`).join("\n");

function finish({ status, ok, message, details, messages, head, trailers }) {
  say(message ? `${status}: ${message}` : status, ok ? "ok" : "error");
  if (messages.length) byId("messages").textContent = shortened(json(messages[0]), 20_000);
  else if (details.length) byId("messages").textContent = json(details);
  byId("trailers").textContent = `${lines(trailers)}\n\n${lines(head)}`.trim();
}

function say(text, kind = "") {
  byId("status").className = kind;
  byId("status").textContent = text;
}
