// Run the server audits of npm's graphql-http: `node graphql_audit.cjs FOLDER URL`, FOLDER being where it is installed.
// Prints [[status, id, name, reason], ...] as JSON.
const { createRequire } = require("node:module");

const [folder, url] = process.argv.slice(2);
const { auditServer } = createRequire(`${folder}/`)("graphql-http");

function fetchFn(input, init = {}) {
  const headers = new Headers(init.headers);
  headers.set("GraphQL-Require-Preflight", "1");
  return fetch(input, { ...init, headers });
}

auditServer({ url, fetchFn }).then((results) => {
  console.log(JSON.stringify(results.map(({ status, id, name, reason }) => [status, id, name, reason])));
});
