/** Small helpers for the DOM. Text enters the page through `textContent` only. */

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/** @template {Element} T @param {ParentNode} root @param {string} selector @param {new () => T} type @returns {T} */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} at ${selector}`);
  return element;
}

/** The element that a template marked with `data-part`. @param {ParentNode} root @param {string} name */
export function part(root, name) {
  return find(root, `[data-part="${name}"]`, HTMLElement);
}

/** @type {WeakMap<Element, string>} */
const written = new WeakMap();

/**
 * Set a text only if it changed, so that it is not laid out or announced again. A browser that translates the page
 * replaces what is shown, so the text is compared with what was written here last.
 *
 * @param {Element} element @param {string} text
 */
export function setText(element, text) {
  const shown = element.textContent ?? "";
  if (shown === text || (written.get(element) === text && shown !== "")) return;
  element.textContent = text;
  written.set(element, text);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {string} [className] @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
export function makeSvg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** An icon of the sprite, hidden from screen readers. @param {string} name @param {string} [className] */
export function makeIcon(name, className = "") {
  const svg = makeSvg("svg", { class: `icon ${className}`.trim(), viewBox: "0 0 32 32", "aria-hidden": "true" });
  svg.append(makeSvg("use", { href: `#icon-${name}` }));
  return svg;
}

/** @param {ParentNode} root @param {string} partName @param {string} name */
export function setIcon(root, partName, name) {
  root.querySelector(`use[data-part="${partName}"]`)?.setAttribute("href", name ? `#icon-${name}` : "");
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Element} element @param {Keyframe[]} frames @param {KeyframeAnimationOptions} options */
export function animate(element, frames, options) {
  if (!still.matches) element.animate(frames, options);
}
