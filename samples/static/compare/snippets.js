/* The same request for other programs. */

import { json } from "./dom.js";
import { facts } from "./facts.js";

export const LANGUAGES = {
  rest: ["curl", "Python", "TypeScript", "Go"],
  graphql: ["curl", "Python", "TypeScript", "Go"],
  grpc: ["grpcurl", "curl", "Python", "TypeScript", "Go"],
};

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function snippet(protocol, language, step, headers) {
  const all = { ...headers, ...step.headers };
  return protocol === "grpc" ? forGrpc(language, step, all) : forHttp(language, step, all);
}

// -- REST and GraphQL --------------------------------------------------------------------------------------------------
function forHttp(language, step, headers) {
  const [method, path] = step.call.split(" ");
  const url = `${location.origin}${path}`;
  const body = step.message === null ? null : JSON.stringify(step.message);
  const sent = body === null ? headers : { "Content-Type": "application/json", ...headers };
  return { curl, Python: python, TypeScript: typescript, Go: go }[language](method, url, sent, body, step.message);
}

function curl(method, url, headers, body) {
  const lines = [`curl ${method === "GET" || (method === "POST" && body) ? "" : `-X ${method} `}${quoted(url)}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

function python(method, url, headers, body) {
  const data = body ? `${JSON.stringify(body)}.encode()` : "None";
  return `import json
from urllib.request import Request, urlopen

request = Request(${JSON.stringify(url)}, method=${JSON.stringify(method)}, headers=${json(headers)}, data=${data})
with urlopen(request) as response:
    print(json.load(response))`;
}

function typescript(method, url, headers, body, message) {
  const sent = body ? `\n  body: JSON.stringify(${json(message)}),` : "";
  return `const response = await fetch(${JSON.stringify(url)}, {
  method: ${JSON.stringify(method)},
  headers: ${json(headers)},${sent}
});
console.log(await response.json());`;
}

function go(method, url, headers, body) {
  const set = Object.entries(headers).map(([name, value]) => `\trequest.Header.Set(${JSON.stringify(name)}, ${JSON.stringify(value)})`);
  const reader = body ? `strings.NewReader(${JSON.stringify(body)})` : "nil";
  return `package main

import (
\t"io"
\t"net/http"
\t"os"${body ? '\n\t"strings"' : ""}
)

func main() {
\trequest, err := http.NewRequest(${JSON.stringify(method)}, ${JSON.stringify(url)}, ${reader})
\tif err != nil {
\t\tpanic(err)
\t}
${set.join("\n")}${set.length ? "\n" : ""}\tresponse, err := http.DefaultClient.Do(request)
\tif err != nil {
\t\tpanic(err)
\t}
\tdefer response.Body.Close()
\tio.Copy(os.Stdout, response.Body)
}`;
}

// -- gRPC --------------------------------------------------------------------------------------------------------------
function forGrpc(language, step, headers) {
  const [service, method] = step.call.slice(1).split("/");
  const address = facts.grpcAddress || `${location.hostname}:50051`;
  const messages = Array.isArray(step.message) ? step.message : [step.message ?? {}];
  const call = { service, method, address, headers, messages, path: step.call };
  const streams = { grpcurl, curl: curlConnect, Python: pythonGrpc, TypeScript: typescriptConnect, Go: goGrpc };
  return streams[language](call);
}

function grpcurl({ service, method, address, headers, messages }) {
  const lines = ["grpcurl -plaintext"];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name.toLowerCase()}: ${value}`)}`);
  lines.push(`-d ${quoted(messages.map((each) => JSON.stringify(each)).join("\n"))}`, `${address} ${service}/${method}`);
  return lines.join(" \\\n  ");
}

function curlConnect({ path, headers, messages }) {
  if (messages.length > 1) return "# Connect over curl sends one message: use grpcurl for a stream.";
  const sent = { "Content-Type": "application/json", ...headers };
  return curl("POST", `${location.origin}${path}`, sent, JSON.stringify(messages[0]));
}

const moduleOf = (service) => service.split(".").at(-1).replace("Service", "").toLowerCase();

function pythonGrpc({ service, method, address, headers, messages }) {
  const [module, name] = [moduleOf(service), service.split(".").at(-1)];
  const metadata = Object.entries(headers).map(([key, value]) => `(${JSON.stringify(key.toLowerCase())}, ${JSON.stringify(value)})`);
  const build = (message) => `ParseDict(json.loads(${JSON.stringify(JSON.stringify(message))}), pb.${method}Request())`;
  const sent = messages.length > 1 ? `iter([${messages.map(build).join(", ")}])` : build(messages[0]);
  return `import json
import grpc
from google.protobuf.json_format import ParseDict
from protos import ${module}_pb2 as pb
from protos.${module}_pb2_grpc import ${name}Stub

with grpc.insecure_channel("${address}") as channel:
    print(${name}Stub(channel).${method}(${sent}, metadata=[${metadata.join(", ")}]))`;
}

function typescriptConnect({ path, headers, messages }) {
  if (messages.length > 1) return "// A stream of messages needs a gRPC client: npm install @grpc/grpc-js.";
  return `// The Connect protocol with JSON: no generated code.
${typescript("POST", `${location.origin}${path}`, { "Content-Type": "application/json", ...headers }, "body", messages[0])}`;
}

function goGrpc({ service, method, address, headers, messages }) {
  const name = service.split(".").at(-1);
  const pairs = Object.entries(headers).map(([key, value]) => `${JSON.stringify(key.toLowerCase())}, ${JSON.stringify(value)}`);
  return `// After: protoc --go_out=. --go-grpc_out=. protos/${moduleOf(service)}.proto
connection, err := grpc.NewClient("${address}", grpc.WithTransportCredentials(insecure.NewCredentials()))
if err != nil {
\tpanic(err)
}
request := &pb.${method}Request{}
if err := protojson.Unmarshal([]byte(${JSON.stringify(JSON.stringify(messages[0]))}), request); err != nil {
\tpanic(err)
}
ctx := metadata.AppendToOutgoingContext(context.Background()${pairs.length ? `, ${pairs.join(", ")}` : ""})
fmt.Println(pb.New${name}Client(connection).${method}(ctx, request))`;
}
