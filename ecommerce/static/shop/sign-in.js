"use strict";
/* The sign-in that the front page, Swagger UI and GraphiQL share. It stays in this tab, until its token expires. */

window.shopSignIn = (() => {
  const KEY = "shop.sign-in";

  function isFresh({ access }) {
    const claims = JSON.parse(atob(access.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return claims.exp * 1000 > Date.now() + 30_000;
  }

  /** Return `{username, access}`, or null. */
  function read() {
    const pair = JSON.parse(sessionStorage.getItem(KEY));
    return pair && isFresh(pair) ? pair : null;
  }

  /** Keep a sign-in; null signs out. */
  function write(pair) {
    if (pair) sessionStorage.setItem(KEY, JSON.stringify({ username: pair.username, access: pair.access }));
    else sessionStorage.removeItem(KEY);
  }

  return { isFresh, read, write };
})();
