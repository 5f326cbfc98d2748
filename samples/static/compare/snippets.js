/* The same request for other programs. */

import { json } from "./dom.js";
import { facts } from "./facts.js";
import { goGrpc, goHttp } from "./go.js";
import { schema } from "./protobuf.js";

export const LANGUAGES = {
  rest: ["curl", "Python", "TypeScript", "Go"],
  graphql: ["curl", "Python", "TypeScript", "Go"],
  grpc: ["grpcurl", "curl", "Python", "TypeScript", "Go"],
};

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export async function snippet(protocol, language, step, headers) {
  const all = { ...headers, ...step.headers };
  return protocol === "grpc" ? forGrpc(language, step, all) : forHttp(language, step, all);
}

// -- REST and GraphQL --------------------------------------------------------------------------------------------------
function forHttp(language, step, headers) {
  const [method, path] = step.call.split(" ");
  const url = `${location.origin}${path}`;
  const body = step.message === null ? null : JSON.stringify(step.message);
  const isStream = path.endsWith("/events") || Boolean(step.message?.query?.trimStart().startsWith("subscription"));
  const sent = {
    ...(body === null ? {} : { "Content-Type": "application/json" }),
    ...(isStream ? { Accept: "text/event-stream" } : {}),
    ...headers,
  };
  return { curl, Python: python, TypeScript: typescript, Go: goHttp }[language](method, url, sent, body, step.message, isStream);
}

function curl(method, url, headers, body, message, isStream) {
  const lines = [`curl ${isStream ? "-N " : ""}${method === "GET" || (method === "POST" && body) ? "" : `-X ${method} `}${quoted(url)}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

function python(method, url, headers, body, message, isStream) {
  const data = body ? `${JSON.stringify(body)}.encode()` : "None";
  const shown = isStream
    ? `    for line in response:
        print(line.decode(), end="", flush=True)`
    : "    print(json.load(response))";
  return `${isStream ? "" : "import json\n"}from urllib.request import Request, urlopen

request = Request(${JSON.stringify(url)}, method=${JSON.stringify(method)}, headers=${json(headers)}, data=${data})
with urlopen(request) as response:
${shown}`;
}

function typescript(method, url, headers, body, message, isStream) {
  const sent = body ? `\n  body: JSON.stringify(${json(message)}),` : "";
  return `const response = await fetch(${JSON.stringify(url)}, {
  method: ${JSON.stringify(method)},
  headers: ${json(headers)},${sent}
});
${isStream ? "for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) console.log(text);" : "console.log(await response.json());"}`;
}

// -- gRPC --------------------------------------------------------------------------------------------------------------
async function forGrpc(language, step, headers) {
  const [service, method] = step.call.slice(1).split("/");
  const { input, file, clientStreams, serverStreams } = (await schema()).method(step.call);
  const address = facts.grpcAddress || `${location.hostname}:50051`;
  const messages = Array.isArray(step.message) ? step.message : [step.message ?? {}];
  const request = input.split(".").at(-1);
  const client = service.split(".").at(-1);
  const call = { service, client, method, address, headers, messages, path: step.call, request, file, clientStreams, serverStreams };
  const isStream = clientStreams || serverStreams; // Connect's streams have binary frames
  if (isStream && language === "curl") return "# Connect over curl is for single messages: use grpcurl for a stream.";
  if (isStream && language === "TypeScript") return "// A stream of messages needs a gRPC client: npm install @grpc/grpc-js.";
  return { grpcurl, curl: curlConnect, Python: pythonGrpc, TypeScript: typescriptConnect, Go: goGrpc }[language](call);
}

function grpcurl({ service, method, address, headers, messages }) {
  const lines = ["grpcurl -plaintext"];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name.toLowerCase()}: ${value}`)}`);
  lines.push(`-d ${quoted(messages.map((each) => JSON.stringify(each)).join("\n"))}`, `${address} ${service}/${method}`);
  return lines.join(" \\\n  ");
}

function curlConnect({ path, headers, messages }) {
  const sent = { "Content-Type": "application/json", ...headers };
  return curl("POST", `${location.origin}${path}`, sent, JSON.stringify(messages[0]));
}

function pythonGrpc({ client, method, address, headers, messages, request, file, clientStreams, serverStreams }) {
  const module = file.replace(".proto", "").replaceAll("/", ".");
  const metadata = Object.entries(headers).map(([key, value]) => `(${JSON.stringify(key.toLowerCase())}, ${JSON.stringify(value)})`);
  const build = (message) => `ParseDict(json.loads(${JSON.stringify(JSON.stringify(message))}), pb.${request}())`;
  const sent = clientStreams ? `iter([${messages.map(build).join(", ")}])` : build(messages[0]);
  const answer = `${client}Stub(channel).${method}(${sent}, metadata=[${metadata.join(", ")}])`;
  const shown = serverStreams ? `for message in ${answer}:\n        print(message)` : `print(${answer})`;
  return `import json
import grpc
from google.protobuf.json_format import ParseDict
import ${module}_pb2 as pb
from ${module}_pb2_grpc import ${client}Stub

with grpc.insecure_channel("${address}") as channel:
    ${shown}`;
}

function typescriptConnect({ path, headers, messages }) {
  return `// The Connect protocol with JSON: no generated code.
${typescript("POST", `${location.origin}${path}`, { "Content-Type": "application/json", ...headers }, "body", messages[0])}`;
}
