"use strict";
/* GraphiQL for this shop; it opens with the examples. If a tab signs in with obtainToken or refreshToken, all tabs are
   signed in, and so are the front page and Swagger UI in the same tab of the browser: the token is sent with each request
   that sets no other token. */

(() => {
  const root = document.getElementById("graphiql");
  const { endpoint, examples, styleNonce } = root.dataset;
  const placeholder = JSON.stringify({ Authorization: "Bearer <access token>" }, null, 2);
  const isPlaceholder = (value) => /^(bearer)?\s*(<|$)/i.test(value ?? "");
  const kept = shopSignIn.read();
  const session = { token: kept && `Bearer ${kept.access}`, username: kept?.username ?? null, changed: () => {} };
  const el = React.createElement;

  // The library behind GraphiQL's dialogs adds a <style> to the page, with the nonce that it finds here.
  window.__webpack_nonce__ = styleNonce;

  function keep(token, username) {
    Object.assign(session, { token, username });
    shopSignIn.write(token && { username, access: token.replace("Bearer ", "") });
    session.changed();
  }

  function signed(given) {
    const headers = new Headers(given);
    if (isPlaceholder(headers.get("Authorization"))) {
      headers.delete("Authorization");
      if (session.token) headers.set("Authorization", session.token);
    }
    return headers;
  }

  // Without cookies: being signed in to the admin must not matter here.
  const post = (headers, body) => fetch(endpoint, { method: "POST", credentials: "omit", headers, body });

  async function send(url, { headers: given, body }) {
    const headers = signed(given);
    let response = await post(headers, body);
    if (response.status === 401 && session.token && headers.get("Authorization") === session.token) {
      keep(null, null); // expired: without a token, public data and signing in still work
      response = await post(signed(given), body);
    }
    if (/(obtain|refresh|revoke)Token/.test(body)) await follow(response.clone());
    return response;
  }

  async function follow(response) {
    const { data } = await response.json();
    if (data?.revokeToken?.ok) keep(null, null);
    const pair = Object.values(data ?? {}).find((field) => field?.access);
    if (!pair) return;
    const token = `Bearer ${pair.access}`;
    const headers = { "Content-Type": "application/json", Authorization: token };
    const answer = await (await post(headers, JSON.stringify({ query: "{ me { username } }" }))).json();
    keep(token, answer.data?.me?.username);
  }

  function isSubscription({ operationName }, { documentAST } = {}) {
    const isAsked = ({ operation, name }) =>
      operation === "subscription" && (!operationName || name?.value === operationName);
    return documentAST?.definitions.some(isAsked);
  }

  function fetcher() {
    const plain = GraphiQL.createFetcher({ url: endpoint, fetch: send, enableIncrementalDelivery: false });
    const subscriptionUrl = new URL(endpoint, location.href.replace(/^http/, "ws")).href;
    const live = GraphiQL.createFetcher({ url: endpoint, subscriptionUrl });
    // A WebSocket sends the headers in its first message.
    return (params, given) =>
      isSubscription(params, given)
        ? live(params, { ...given, headers: Object.fromEntries(signed(given.headers)) })
        : plain(params, given);
  }

  function WhoIsSignedIn() {
    const [username, setUsername] = React.useState(session.username);
    React.useEffect(() => {
      session.changed = () => setUsername(session.username);
    }, []);
    const shop = el("a", { href: "/" }, "Shop");
    if (!username) return el("span", { className: "who" }, shop, " ", "not signed in");
    const forget = el("button", { type: "button", title: "Forget the token", onClick: () => keep(null, null) }, "forget");
    return el("span", { className: "who" }, shop, " ", username, " ", forget);
  }

  // The query and variables of a link to the page, /graphql?query=...&variables=..., for the first tab. They are not sent
  // automatically.
  function linked() {
    const params = new URLSearchParams(location.search);
    const [query, variables] = ["query", "variables"].map((name) => params.get(name) ?? undefined);
    return query ? { query, variables } : null;
  }

  async function open() {
    const documents = (await (await fetch(examples)).text()).split(/^#---\n/m);
    const tabs = documents.map((text) => ({ query: text.trimEnd(), headers: placeholder }));
    const link = linked();
    const graphiql = {
      ...link,
      fetcher: fetcher(),
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      defaultTabs: link ? [{ ...link, headers: placeholder }, ...tabs] : tabs,
      defaultQuery: "",
      defaultHeaders: placeholder,
      defaultEditorToolsVisibility: "headers",
      storage: window.sessionStorage, // tabs and history contain the user's input, such as the password in SignIn
      showPersistHeadersSettings: false,
    };
    ReactDOM.createRoot(root).render(el(GraphiQL, graphiql, el(GraphiQL.Logo, null, el(WhoIsSignedIn))));
  }

  // GraphiQL's tabs contain buttons, which a tab may not; so they are a group of buttons here.
  keepAccessible(root, {
    ".graphiql-tabs": { role: "group" },
    ".graphiql-tab": { role: "none", "aria-selected": null },
    ".graphiql-tab-active > .graphiql-tab-button": { "aria-current": "true" },
    ".graphiql-tab:not(.graphiql-tab-active) > .graphiql-tab-button": { "aria-current": null },
    ".graphiql-query-editor textarea": { "aria-label": "Operation" },
    ".graphiql-editor-tool .graphiql-editor:nth-child(1) textarea": { "aria-label": "Variables" },
    ".graphiql-editor-tool .graphiql-editor:nth-child(2) textarea": { "aria-label": "Headers" },
    ".graphiql-response textarea": { "aria-label": "Response" },
    ".CodeMirror-scroll": { tabindex: "0" },
  });
  open();
})();
