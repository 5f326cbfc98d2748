/* The state of the page in the hash of its URL, so that a link shows the same. */

const listeners = [];

export function state() {
  return Object.fromEntries(new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : ""));
}

/** Change some values; null removes one. */
export function setState(changes) {
  const next = Object.entries({ ...state(), ...changes }).filter(([, value]) => value !== null && value !== "");
  history.replaceState(null, "", next.length ? `#${new URLSearchParams(next)}` : location.pathname);
}

export const onState = (listener) => listeners.push(listener);

addEventListener("hashchange", () => listeners.forEach((listener) => listener(state())));
