/* The same request as a program in Go. */

const program = (imports, body) => `package main

import (
${imports.map((path) => (path === "" ? "" : `\t${path}`)).join("\n")}
)

func main() {
${body.map((line) => (line === "" ? "" : `\t${line}`)).join("\n")}
}
`;

const text = (value) => JSON.stringify(value);
const orEnd = (failed = "err != nil") => [`if ${failed} {`, "\tlog.Fatal(err)", "}"];

export function goHttp(method, url, headers, body) {
  const imports = ["io", "log", "net/http", "os", ...(body ? ["strings"] : [])];
  return program(imports.map(text), [
    `request, err := http.NewRequest(${text(method)}, ${text(url)}, ${body ? `strings.NewReader(${text(body)})` : "nil"})`,
    ...orEnd(),
    ...Object.entries(headers).map(([name, value]) => `request.Header.Set(${text(name)}, ${text(value)})`),
    "response, err := http.DefaultClient.Do(request)",
    ...orEnd(),
    "defer response.Body.Close()",
    "io.Copy(os.Stdout, response.Body)",
  ]);
}

// -- gRPC --------------------------------------------------------------------------------------------------------------
export function goGrpc(call) {
  const { address, headers, messages, file, clientStreams, serverStreams } = call;
  const pairs = Object.entries(headers).map(([key, value]) => `${text(key.toLowerCase())}, ${text(value)}`);
  const imports = ["context", "fmt", ...(serverStreams ? ["io"] : []), "log"].map(text);
  const packages = ["grpc", "grpc/credentials/insecure", ...(pairs.length ? ["grpc/metadata"] : []), "protobuf/encoding/protojson"];
  return howToRun(file) + program(
    [...imports, "", ...packages.map((path) => text(`google.golang.org/${path}`)), "", `pb ${text(packageOf(file))}`],
    [
      `connection, err := grpc.NewClient(${text(address)}, grpc.WithTransportCredentials(insecure.NewCredentials()))`,
      ...orEnd(),
      "defer connection.Close()",
      pairs.length ? `ctx := metadata.AppendToOutgoingContext(context.Background(), ${pairs.join(", ")})` : "ctx := context.Background()",
      ...(clientStreams ? sendAll(call, messages) : sendOne(call, messages[0])),
    ],
  );
}

// As `go_package` in the .proto files.
const packageOf = (file) => (file.includes("v2/") ? "shop.example/ecommerce/v2" : "shop.example/ecommerce");

const howToRun = (file) => `// In a new folder of the project: go mod init shop.example
// protoc -I .. --go_out=. --go_opt=module=shop.example --go-grpc_out=. --go-grpc_opt=module=shop.example ${file}
// go mod tidy && go run .
`;

function sendOne({ client, method, request, serverStreams }, message) {
  return [
    ...parse(request, text(JSON.stringify(message))),
    `${serverStreams ? "stream" : "response"}, err := pb.New${client}Client(connection).${method}(ctx, request)`,
    ...orEnd(),
    ...(serverStreams ? printEach : print("response")),
  ];
}

function sendAll({ client, method, request, serverStreams }, messages) {
  return [
    `stream, err := pb.New${client}Client(connection).${method}(ctx)`,
    ...orEnd(),
    "messages := []string{",
    ...messages.map((message) => `\t${text(JSON.stringify(message))},`),
    "}",
    "for _, message := range messages {",
    ...indented(parse(request, "message")),
    "\tif stream.Send(request) != nil {",
    "\t\tbreak // the response has the reason",
    "\t}",
    "}",
    ...(serverStreams ? ["stream.CloseSend()", ...printEach] : ["response, err := stream.CloseAndRecv()", ...orEnd(), ...print("response")]),
  ];
}

const parse = (request, source) => [
  `request := &pb.${request}{}`,
  ...orEnd(`err := protojson.Unmarshal([]byte(${source}), request); err != nil`),
];

const indented = (lines) => lines.map((line) => `\t${line}`);

const print = (name) => [`fmt.Println(protojson.Format(${name}))`];

const printEach = [
  "for {",
  ...indented(["message, err := stream.Recv()", "if err == io.EOF {", "\tbreak", "}", ...orEnd(), ...print("message")]),
  "}",
];
