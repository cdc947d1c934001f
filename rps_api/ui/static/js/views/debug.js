// @ts-check
/** The developer panel of /ui-lite-debug: what was asked and what was answered. */
/** @import {Call} from "../types.js" */
import { make } from "../dom.js";

const KEPT_CALLS = 12;

/** @param {string} title @param {unknown} value */
function json(title, value) {
  const block = make("div", "call__block");
  const text = make("pre", "call__json", JSON.stringify(value, null, 2));
  text.tabIndex = 0;
  text.setAttribute("aria-label", title);
  block.append(make("h4", "call__title", title), text);
  return block;
}

/** @param {HTMLElement} list the element of the calls */
export function createDebugPanel(list) {
  return {
    /** @param {Call} call */
    record(call) {
      const item = make("li", "call");
      const details = make("details");
      const summary = make("summary", "call__head");
      summary.append(
        make("span", "call__method", call.method),
        make("span", "call__path", call.path),
        make("span", "call__status", call.status === 0 ? "no reply" : String(call.status)),
        make("span", "call__time", `${call.durationMs.toFixed(1)} ms`),
      );
      details.append(summary, json("Request", call.request), json("Reply", call.reply));
      details.open = call.method === "POST";
      if (details.open) for (const open of list.querySelectorAll("details[open]")) open.removeAttribute("open");
      item.append(details);
      list.prepend(item);
      while (list.children.length > KEPT_CALLS) list.lastElementChild?.remove();
    },
  };
}
