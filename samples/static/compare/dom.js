/* Builds elements, without HTML as text. */

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. `props`: attributes, `on...` listeners, `class`; a property such as `value` is set as such. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

export const json = (value) => JSON.stringify(value, null, 2);

export const shortened = (text, most = 6000) =>
  text.length > most ? `${text.slice(0, most)}\n… ${text.length - most} more characters` : text;

export function ms(value) {
  return `${value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ms`;
}

export function size(count) {
  return count < 1000 ? `${count} B` : `${(count / 1000).toFixed(1)} kB`;
}

export async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser refused the clipboard";
  }
  setTimeout(() => (button.textContent = before), 1500);
}
