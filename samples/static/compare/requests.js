/* Sends the steps of a task over one protocol, and notes what each request cost. */

import { filled, distinct, rows, valuesAt } from "./facts.js";
import * as grpcweb from "./grpcweb.js";

const text = new TextEncoder();

export class Refused extends Error {
  constructor(message, answer) {
    super(message);
    this.answer = answer;
  }
}

/** Run steps one after the other, the requests of one step together; return the answers of each step. */
export async function run(protocol, steps, values, headers, exchanges = []) {
  const answers = [];
  const given = { rows: rows(), ...values, key: crypto.randomUUID() };
  for (const step of steps) {
    const found = step.each ? distinct(answers.at(-1).flatMap((answer) => valuesAt(step.each, answer))) : [null];
    const asked = found.map((each) => ask(protocol, filled(step, { ...given, each }), headers, exchanges));
    answers.push(await Promise.all(asked));
  }
  return answers;
}

/** Send one request and return the decoded answer. Raises Refused. */
export async function ask(protocol, step, headers, exchanges = []) {
  const all = { ...headers, ...step.headers };
  return protocol === "grpc" ? askGrpc(step, all, exchanges) : askJson(step, all, exchanges);
}

async function askJson(step, headers, exchanges) {
  const [method, path] = step.call.split(" ");
  const body = step.message === null ? null : JSON.stringify(step.message);
  const sent = body === null ? headers : { "Content-Type": "application/json", ...headers };
  const response = await fetch(path, { method, headers: sent, body, credentials: "omit", cache: "no-store" });
  const received = await response.text();
  const answer = received ? JSON.parse(received) : {};
  exchanges.push(exchange(method, path, sent, body ?? "", response, received));
  const isRefused = response.status >= 400 || answer.errors;
  if (isRefused) {
    const said = answer.errors?.[0]?.message ?? answer.error ?? answer.detail;
    throw new Refused(`${response.status}: ${said}`, { status: response.status, ...answer });
  }
  return answer;
}

async function askGrpc(step, headers, exchanges) {
  const messages = Array.isArray(step.message) ? step.message : [step.message ?? {}];
  const found = await grpcweb.call(step.call, messages, { headers });
  const sent = { "Content-Type": "application/grpc-web+proto", ...headers };
  exchanges.push(exchange("POST", step.call, sent, found.sent, found.response, found.bytes));
  if (!found.ok) {
    const { status, message, details } = found;
    throw new Refused(`${status}: ${message}`, { status, message, details });
  }
  return found.messages[0];
}

function exchange(method, path, sent, up, response, down) {
  const timing = response.headers.get("Server-Timing") ?? "";
  const received = [...response.headers].filter(([name]) => name !== "server-timing"); // only demo mode sends it
  return {
    up: bytesOf(up),
    down: bytesOf(down),
    headUp: headSize(`${method} ${path} HTTP/1.1`, [["host", location.host], ...Object.entries(sent)]),
    headDown: headSize(`HTTP/1.1 ${response.status} OK`, received),
    statements: Number(/sql;desc="(\d+)/.exec(timing)?.[1] ?? NaN),
    serverMs: Number(/app;dur=([\d.]+)/.exec(timing)?.[1] ?? NaN),
  };
}

const bytesOf = (content) => (typeof content === "string" ? text.encode(content) : content);

const headSize = (line, fields) => fields.reduce((total, [name, value]) => total + name.length + value.length + 4, line.length + 4);

export async function gzipSize(bytes) {
  if (!bytes.length) return 0;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}
