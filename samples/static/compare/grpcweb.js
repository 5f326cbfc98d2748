/* gRPC-Web in binary: frames of five bytes and a message, the last one with the trailers. */

import { schema } from "./protobuf.js";

const TRAILERS = 0x80;
const NAMES = (
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED " +
  "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split(" ");

export function frame(message) {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Return the complete frames at the start of `bytes`, `[[flags, content], ...]`, and the rest. */
export function framesIn(bytes) {
  const frames = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const end = at + 5 + new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(1);
    if (end > bytes.length) break;
    frames.push([bytes[at], bytes.subarray(at + 5, end)]);
    at = end;
  }
  return [frames, bytes.subarray(at)];
}

export async function body(path, messages) {
  const shop = await schema();
  const { input } = shop.method(path);
  return joined(messages.map((message) => frame(shop.encode(input, message))));
}

/** Call a method. `onMessage` gets each message of a stream; without it all are returned with the trailers. */
export async function call(path, messages, { headers = {}, signal, onMessage, onHead } = {}) {
  const shop = await schema();
  const sent = await body(path, messages);
  const response = await fetch(path, {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/grpc-web+proto", ...headers },
    body: sent,
    signal,
  });
  onHead?.(response);
  const { output } = shop.method(path);
  const found = { response, sent, received: 0, messages: [], head: fieldsOf([...response.headers]), trailers: {} };
  const take = ([flags, content]) => {
    if (flags & TRAILERS) Object.assign(found.trailers, linesIn(content));
    else if (onMessage) onMessage(shop.decode(output, content), 5 + content.length);
    else found.messages.push(shop.decode(output, content));
  };
  if (onMessage) await readStream(response, found, take);
  else await readWhole(response, found, take);
  return { ...found, ...statusIn(found, shop) };
}

async function readWhole(response, found, take) {
  found.bytes = new Uint8Array(await response.arrayBuffer());
  found.received = found.bytes.length;
  framesIn(found.bytes)[0].forEach(take);
}

async function readStream(response, found, take) {
  let rest = new Uint8Array();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    found.received += value.length;
    const [frames, left] = framesIn(joined([rest, value]));
    rest = left;
    frames.forEach(take);
  }
}

const linesIn = (content) =>
  fieldsOf(
    new TextDecoder()
      .decode(content)
      .split("\r\n")
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );

const fieldsOf = (pairs) => Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));

function statusIn({ head, trailers: sent, response }, shop) {
  const trailers = { ...head, ...sent }; // a refusal has no body: its trailers are the headers
  const code = trailers["grpc-status"];
  if (code === undefined) return { status: `HTTP ${response.status}`, ok: false, message: response.statusText, details: [] };
  const message = decodeURIComponent(trailers["grpc-message"] ?? "");
  return { status: NAMES[code] ?? code, ok: code === "0", message, details: detailsIn(trailers, shop) };
}

function detailsIn(trailers, shop) {
  const text = trailers["grpc-status-details-bin"];
  if (!text) return [];
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return shop.decode("google.rpc.Status", bytes).details.map(({ type_url: url, value }) => {
    const kind = url.split("/").at(-1);
    const content = Uint8Array.from(atob(value), (c) => c.charCodeAt(0));
    return { "@type": kind, ...(shop.messages[kind] ? shop.decode(kind, content) : { value }) };
  });
}
