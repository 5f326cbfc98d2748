"use strict";

// A button with `data-confirm` acts only if the user confirms its question. The Content-Security-Policy of the admin
// allows no handler in an attribute.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (button && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
  }
});
