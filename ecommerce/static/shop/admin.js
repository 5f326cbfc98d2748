"use strict";

// A button with `data-confirm` acts only if the user confirms its question. The Content-Security-Policy of the admin
// allows no handler in an attribute.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (button && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
  }
});

// In the command search (Ctrl-K), Enter opens the first result if no other was chosen.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.id === "search-input-command" && !document.querySelector("#command-results .active")) {
    event.preventDefault();
    event.stopPropagation();
    // Not click(): the handler of a result needs one that was chosen by an arrow key.
    const first = document.querySelector("#command-results a");
    if (first) {
      window.location.assign(first.href);
    }
  }
}, true);

// The page is hidden until Alpine has started, and a browser that renders it earlier does not focus a hidden field.
document.addEventListener("alpine:initialized", () => setTimeout(() => {
  if (document.activeElement === document.body) {
    document.querySelector("[autofocus]")?.focus();
  }
}));
