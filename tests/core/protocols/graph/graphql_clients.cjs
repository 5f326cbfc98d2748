// Subscribe with npm's graphql-ws or graphql-sse: `node graphql_clients.cjs FOLDER CLIENT MODE JSON`, FOLDER being where
// they are installed, CLIENT ws or sse. JSON is {urls, staff, product, after, count}. Prints what came of it as JSON.
// In the mode `calls` it says "ready", and is then told a token that expires soon.
const { once } = require("node:events");
const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");

const [folder, kind, mode, json] = process.argv.slice(2);
const given = JSON.parse(json);
const load = createRequire(`${folder}/`);
const PRODUCT = `subscription($id: Int, $after: String) {
  productUpdated(id: $id, after: $after) { kind newStock cursor product { stock } }
}`;
const CHANGE = "mutation($id: Int!, $stock: Int) { updateProduct(id: $id, stock: $stock) { ok } }";

function client(token, urls = given.urls, closed = () => {}) {
  let turn = 0;
  const url = () => urls[Math.min(turn++, urls.length - 1)];
  if (kind === "sse") {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    return load("graphql-sse").createClient({ url, headers, retryAttempts: 5 });
  }
  return load("graphql-ws").createClient({
    url: () => url().replace(/^http/, "ws"),
    webSocketImpl: load("ws"),
    connectionParams: token ? { authorization: `Bearer ${token}` } : undefined,
    on: { closed: ({ code, reason }) => closed([code, reason]) },
    retryAttempts: 5,
  });
}

// What a subscription is told until it ends, or until there are `count` results and it is ended here.
function told(from, payload, count = Infinity, onResult = () => {}) {
  return new Promise((resolve) => {
    const results = [];
    const end = (how) => resolve({ results, ...how });
    const failed = (error) =>
      end(Array.isArray(error) ? { errors: error.map(codeOf) } : { failure: error.code ?? error.message });
    const leave = from.subscribe(payload, {
      next(result) {
        if (results.length === count) return; // came in one piece with the last
        results.push(result);
        onResult(result);
        if (results.length === count) leave();
      },
      error: failed,
      complete: () => end({ complete: true }),
    });
  });
}

const codeOf = (error) => error.extensions.code;
const updates = ({ results }) => results.map(({ data }) => data.productUpdated);
const sell = (by, stock) => told(by, { query: CHANGE, variables: { id: given.product, stock } });

async function calls() {
  const ends = [];
  console.error("ready");
  const [line] = await once(createInterface({ input: process.stdin }), "line");
  const brief = client(line, given.urls, (end) => ends.push(end));
  const expiring = told(brief, { query: "subscription { orderUpdated { kind } }" });
  const [anyone, staff] = [client(), client(given.staff)];
  const variables = { id: given.product, after: given.after };
  const query = await told(anyone, { query: "{ product(id: 2000000000) { name } }" });
  const found = await told(anyone, { query: "{ __typename }" });
  const invalid = await told(anyone, { query: "{ nothing }" });
  const unknown = await told(anyone, { query: PRODUCT, variables: { id: 2000000000 } });
  const old = await told(anyone, { query: PRODUCT, variables: { after: "999999999" } });
  const forbidden = await told(anyone, { query: CHANGE, variables: { id: given.product, stock: 1 } });
  const two = [told(anyone, { query: PRODUCT, variables }, 3), told(anyone, { query: PRODUCT, variables }, 2)];
  for (const stock of [8, 7, 6]) await sell(staff, stock);
  const [first, second] = await Promise.all(two);
  const expired = await expiring;
  const short = ({ results, ...how }) => ({ ...how, codes: results.flatMap(({ errors }) => (errors ?? []).map(codeOf)) });
  return {
    query: short(query), found: found.results[0].data, invalid: short(invalid), unknown: short(unknown),
    old: short(old), forbidden: short(forbidden), first: updates(first), second: updates(second),
    expired: { ...short(expired), ends },
  };
}

// Follows through the end of the first server, on another from the last cursor.
async function end() {
  const variables = { id: given.product, after: given.after };
  const follow = told(client(), { query: PRODUCT, variables }, given.count, ({ data }) => {
    variables.after = data.productUpdated.cursor;
    console.error(data.productUpdated.newStock);
  });
  return updates(await follow).map(({ newStock }) => newStock);
}

({ calls, end })[mode]().then((result) => {
  console.log(JSON.stringify(result));
  process.exit(0);
});
