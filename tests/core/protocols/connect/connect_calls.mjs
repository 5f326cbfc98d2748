// The shop as npm's @connectrpc/connect-web calls it, from node or, bundled, from a page.
//
// The job has `url`, `way`, and either `calls`, which are made one after the other and all reported at the end, or
// `watch`: how many updates are taken before the client leaves. A "$name.field" in a request is of an earlier answer.
import { createClient, ConnectError, Code } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { fromJson, toJson } from "@bufbuild/protobuf";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { AccountService } from "./gen/account_pb.js";
import { OrderService } from "./gen/order_pb.js";
import { CategoryService, ProductService } from "./gen/product_pb.js";
import { ReportService } from "./gen/report_pb.js";

const SERVICES = [ProductService, CategoryService, OrderService, AccountService, ReportService];
const TRANSPORTS = {
  "Connect JSON": (baseUrl) => createConnectTransport({ baseUrl }),
  "Connect binary": (baseUrl) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "Connect GET": (baseUrl) => createConnectTransport({ baseUrl, useHttpGet: true }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl }),
};

export function told(error) {
  const refusal = ConnectError.from(error);
  const [badRequest] = refusal.findDetails(BadRequestSchema);
  const [info] = refusal.findDetails(ErrorInfoSchema);
  return {
    code: Code[refusal.code],
    message: refusal.rawMessage,
    reason: info?.reason,
    fields: Object.fromEntries((badRequest?.fieldViolations ?? []).map((it) => [it.field, it.description])),
    cursor: refusal.metadata.get("cursor")?.split(", ")[0], // of the trailers; the headers' is joined to it
  };
}

function methodNamed(name) {
  const service = SERVICES.find((it) => it.methods.some((method) => method.name === name));
  return [service, service.methods.find((method) => method.name === name)];
}

function filled(value, answers) {
  if (typeof value === "string" && value.startsWith("$")) {
    return value.slice(1).split(".").reduce((found, key) => found[key], answers);
  }
  if (Array.isArray(value)) return value.map((it) => filled(it, answers));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, filled(it, answers)]));
}

const withToken = (token) => (token ? { headers: { authorization: `Bearer ${token}` } } : {});

export async function makeCalls({ url, way, calls }) {
  const transport = TRANSPORTS[way](url);
  const answers = {};
  for (const { as, name, token, request } of calls) {
    const [service, method] = methodNamed(name);
    const message = fromJson(method.input, filled(request, answers));
    try {
      const answer = await createClient(service, transport)[method.localName](message, withToken(token));
      answers[as] = toJson(method.output, answer);
    } catch (error) {
      answers[as] = { error: told(error) };
    }
  }
  return answers;
}

export async function watch({ url, way, watch: count, request, token }, say) {
  const stopping = new AbortController();
  const onHeader = (headers) => say({ begins: headers.get("cursor") });
  const client = createClient(ProductService, TRANSPORTS[way](url));
  try {
    const options = { ...withToken(token), signal: stopping.signal, onHeader };
    for await (const update of client.watchProducts(request, options)) {
      say({ stock: update.newStock, cursor: update.cursor });
      if (--count === 0) stopping.abort();
    }
    say({ ends: true });
  } catch (error) {
    say({ ends: told(error) });
  }
}
