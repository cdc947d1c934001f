/** Parts of the plots. One unit is one pixel, so that text in a plot has the size of all other text. */
import { makeSvg } from "../dom.js";

/** @param {Element} plot @param {number} height @returns {number} the width in pixels */
export function sized(plot, height) {
  const width = Math.max(240, Math.round(plot.clientWidth));
  plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
  plot.setAttribute("height", String(height));
  return width;
}

/** @param {string} words @param {number} x @param {number} y @param {{anchor?: string, kind?: string}} [options] */
export function text(words, x, y, { anchor = "start", kind = "" } = {}) {
  const element = makeSvg("text", { class: `plot__text ${kind}`.trim(), x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {string} kind */
export function line(x1, y1, x2, y2, kind) {
  return makeSvg("line", { class: kind, x1, y1, x2, y2 });
}

/** Add a tooltip to a mark. @param {Element} mark @param {string} words */
export function titled(mark, words) {
  const title = makeSvg("title", {});
  title.textContent = words;
  mark.append(title);
  return mark;
}
