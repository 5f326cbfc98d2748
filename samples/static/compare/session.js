/* Who calls: the user who is signed in, or in demo mode the user that a task needs. */

import { byId, h } from "./dom.js";
import { facts } from "./facts.js";

const { isFresh } = window.shopSignIn;
const pairs = new Map(); // demo users: name -> tokens
let current = window.shopSignIn.read();

async function signedInAs(name) {
  const kept = pairs.get(name);
  if (kept && isFresh(kept)) return kept;
  const response = await fetch(`/compare/sign-in?as=${name}`, { method: "POST", credentials: "omit" });
  if (!response.ok) throw new Error(`The demo sign-in as ${name} was refused: ${response.status}`);
  pairs.set(name, await response.json());
  return pairs.get(name);
}

/** Return the headers for a caller: `anyone`, `customer` or `staff`. In demo mode the page signs in by itself. */
export async function headersOf(caller) {
  if (caller === "anyone") return {};
  if (facts.demoSignIn) return bearer(await signedInAs(caller));
  if (!current) throw new Error(`Sign in first: this needs a ${caller === "staff" ? "staff user" : "user"}.`);
  return bearer(current);
}

/** Return the headers of the signed-in user, or none. */
export const currentHeaders = () => (current && isFresh(current) ? bearer(current) : {});

const bearer = ({ access }) => ({ Authorization: `Bearer ${access}` });

function keep(pair) {
  current = pair;
  window.shopSignIn.write(pair);
  paint();
  dispatchEvent(new Event("signedin"));
}

function paint() {
  byId("sign-in").replaceChildren(...(facts.demoSignIn ? demoButtons() : passwordForm()));
}

function demoButtons() {
  const choose = (name) => async () => keep(current?.username === name ? null : await signedInAs(name));
  const button = (name) =>
    h("button", { type: "button", "aria-pressed": String(current?.username === name), onclick: choose(name) }, `as ${name}`);
  return [h("span", {}, current ? "Signed in" : "Sign in"), button("customer"), button("staff")];
}

function passwordForm() {
  if (current) return [`Signed in as ${current.username}`, h("button", { type: "button", onclick: () => keep(null) }, "Sign out")];
  const name = h("input", { name: "username", autocomplete: "username", placeholder: "User name", "aria-label": "User name", size: 12 });
  const password = h("input", {
    type: "password",
    name: "password",
    autocomplete: "current-password",
    placeholder: "Password",
    "aria-label": "Password",
    size: 12,
  });
  const said = h("span", { role: "status", class: "error" });
  const submit = async (event) => {
    event.preventDefault();
    const response = await fetch("/api/v1/auth/token", {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username: name.value, password: password.value }),
    });
    const answer = await response.json();
    if (response.ok) keep({ username: name.value, ...answer });
    else said.textContent = answer.error;
  };
  return [h("form", { class: "bar", onsubmit: submit }, name, password, h("button", {}, "Sign in"), said)];
}

export const startSession = paint;
