/* The steps of a task as text that can be edited, and back. */

import { json } from "./dom.js";

/** REST and gRPC: a line with the call, headers, an empty line, a body. GraphQL: the document, `---`, the variables. */
export function textOf(protocol, step) {
  if (protocol === "graphql") {
    const { query, variables } = step.message;
    return Object.keys(variables).length ? `${query}\n---\n${json(variables)}` : query;
  }
  const head = [step.call, ...Object.entries(step.headers).map(([name, value]) => `${name}: ${value}`)].join("\n");
  return step.message === null ? head : `${head}\n\n${json(step.message)}`;
}

/** Parse the text again. Throws an error that names the fault. */
export function stepOf(protocol, text, before) {
  if (protocol === "graphql") {
    const [query, variables] = text.split(/^---$/m);
    return { ...before, message: { query: query.trimEnd(), variables: parsed(variables ?? "{}") } };
  }
  const [head, ...rest] = text.split(/\n\s*\n/);
  const [call, ...lines] = head.split("\n");
  const headers = Object.fromEntries(lines.filter(Boolean).map(field));
  const body = rest.join("\n\n").trim();
  return { ...before, call: call.trim(), headers, message: body ? parsed(body) : null };
}

function field(line) {
  const colon = line.indexOf(":");
  if (colon < 1) throw new Error(`"${line}" is not a header: write Name: value`);
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The JSON can't be read: ${error.message}`);
  }
}
