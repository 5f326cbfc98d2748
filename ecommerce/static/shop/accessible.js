"use strict";
/* Completes pages that a library draws for screen readers and keyboards: `keepAccessible(root, {selector: {attribute: text}})`
   keeps these attributes on all elements that match, also on later ones; null removes an attribute. */

function keepAccessible(root, attributes) {
  const wanted = Object.entries(attributes).map(([selector, values]) => [selector, Object.entries(values)]);
  const names = [...new Set(wanted.flatMap(([, values]) => values.map(([name]) => name))), "class"];

  function complete() {
    for (const [selector, values] of wanted) {
      for (const element of root.querySelectorAll(selector)) {
        for (const [name, text] of values) {
          if (element.getAttribute(name) === text) continue;
          if (text === null) element.removeAttribute(name);
          else element.setAttribute(name, text);
        }
      }
    }
  }

  new MutationObserver(complete).observe(root, { subtree: true, childList: true, attributeFilter: names });
  complete();
}
