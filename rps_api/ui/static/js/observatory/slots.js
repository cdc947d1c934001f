/** The twelve slots as a table: version, age, rank of the challenger, and whether the cache agrees. */
/** @import {Loop, Slot} from "../../../types/page.js" */
import { make } from "../dom.js";
import { age, nameOf, share, whole } from "./format.js";

/** @param {Loop} loop @param {Slot} slot */
function rankOf(loop, slot) {
  const family = loop.families.find(({ family: name }) => name === slot.family);
  const challenger = family?.challengers.find(({ alias }) => alias === slot.alias);
  if (!challenger) return slot.alias === "Production" && slot.version ? "plays" : "–";
  const { predictions, predictions_needed: needed, rank } = challenger;
  return predictions < needed
    ? `${rank}, may move after ${whole(needed - predictions)} more predictions`
    : `${rank}, right in at least ${share(challenger.accuracy_at_least)}`;
}

/** @param {Loop} loop @param {Slot} slot */
function cacheOf(loop, slot) {
  if (!loop.cache.readable) return "unknown";
  const entry = loop.cache.entries.find(({ family, alias }) => family === slot.family && alias === slot.alias);
  if (!entry) return slot.version ? "removed" : "no";
  return entry.served ? "yes" : `v${entry.version} not served yet`;
}

/** @param {HTMLElement} body @param {Loop} loop @param {number} nowMs */
export function listSlots(body, loop, nowMs) {
  body.replaceChildren(
    ...loop.slots.map((slot) => {
      const row = make("tr");
      row.dataset.first = String(slot.alias === "Production");
      const name = make("th", "", `${nameOf(slot.policy)} ${slot.alias}`);
      name.scope = "row";
      const cells = [
        slot.version ? `v${slot.version}` : "empty",
        slot.trained_at ? age(slot.trained_at, nowMs) : "–",
        slot.training_games === null ? "–" : `${whole(slot.training_games)} games`,
        rankOf(loop, slot),
        cacheOf(loop, slot),
      ];
      row.append(name, ...cells.map((words) => make("td", "", words)));
      return row;
    }),
  );
}
