"use strict";
/* Swagger UI for this shop: in the browser's colours, signed in by its own "Sign in" operation or by the front page, and with
   the headers of responses folded. */

(() => {
  const root = document.getElementById("swagger-ui");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  paint();
  dark.addEventListener("change", paint);

  const folded = () => ({
    wrapComponents: {
      // A link in the button that opens the operation would be a control in a control.
      DeepLink: (DeepLink, { React }) => ({ text }) => React.createElement("span", null, text),
      headers: (Headers, { React }) => (props) =>
        props.headers?.size
          ? React.createElement(
              "details",
              { className: "headers" },
              React.createElement("summary", null, `${props.headers.size} headers`),
              React.createElement(Headers, props),
            )
          : null,
    },
  });

  function authorize(token) {
    const schema = ui.specSelectors.securityDefinitions().get("bearer");
    ui.authActions.authorizeWithPersistOption({ bearer: { name: "bearer", schema, value: token } });
  }

  function signIn(response) {
    const access = response.ok && response.body?.access;
    if (access) {
      authorize(access);
      keep(access);
    }
    return response;
  }

  // For the front page and GraphiQL.
  async function keep(access) {
    const me = await fetch("/api/v1/users/me", { headers: { Authorization: `Bearer ${access}` }, credentials: "omit" });
    const { username } = await me.json();
    shopSignIn.write({ username, access });
  }

  function resume() {
    const pair = shopSignIn.read();
    if (pair) authorize(pair.access);
  }

  keepAccessible(root, {
    "#servers": { "aria-label": "Server" },
    ".examples-select-element": { "aria-label": "Example" },
    "pre.microlight": { tabindex: "0" },
  });

  const ui = SwaggerUIBundle({
    url: root.dataset.document,
    domNode: root,
    plugins: [folded],
    responseInterceptor: signIn,
    onComplete: resume,
    ...JSON.parse(root.dataset.settings),
  });
  window.ui = ui;
})();
