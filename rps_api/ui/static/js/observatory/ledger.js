/** The promotion ledger: decisions over time, one lane for each family, and the newest as text. */
/** @import {Decision} from "../../../types/page.js" */
import { make, makeSvg } from "../dom.js";
import { age, ago, nameOf } from "./format.js";
import { line, sized, text, titled } from "./svg.js";

const LANE = 26;
const LEFT = 72;
const SHOWN = 4;
/** @type {Readonly<Record<string, string>>} */
const OPPONENTS = { xgboost: "forrest", feedforward_nn: "brian", multinomial_logistic: "logan" };
/** @type {Readonly<Record<string, string>>} */
const WORDS = {
  swap_production_b: "B took Production’s place",
  retain_production: "Production stays",
  insufficient_data: "too few games so far",
  alias_reorder: "challengers reordered",
};

/** @param {Decision} decision */
function wordsOf(decision) {
  const words = WORDS[decision.decision] ?? decision.decision;
  return decision.reorder_applied && decision.decision !== "alias_reorder" ? `${words}, challengers reordered` : words;
}

/** A swap is a diamond, a new order a square, any other decision a dot. @param {Decision} decision @param {number} x @param {number} y */
function mark(decision, x, y) {
  if (decision.decision === "swap_production_b")
    return makeSvg("path", { class: "ledger__swap", d: `M${x} ${y - 8}l8 8-8 8-8-8z` });
  if (decision.reorder_applied || decision.decision === "alias_reorder")
    return makeSvg("rect", { class: "ledger__order", x: x - 5, y: y - 5, width: 10, height: 10 });
  return makeSvg("circle", {
    class: decision.decision === "retain_production" ? "ledger__stay" : "ledger__wait",
    cx: x,
    cy: y,
    r: 4.5,
  });
}

/** @param {Element} plot @param {readonly Decision[]} decisions newest first @param {number} nowMs */
export function drawLedger(plot, decisions, nowMs) {
  const lanes = Object.values(OPPONENTS);
  const height = lanes.length * LANE + 30;
  const width = sized(plot, height);
  const oldest = Date.parse(decisions.at(-1)?.at ?? "") || nowMs - 3_600_000;
  const span = Math.max(60_000, nowMs - oldest);
  const across = (/** @type {number} */ ms) => LEFT + 10 + ((ms - oldest) / span) * (width - LEFT - 24);
  const guides = lanes.flatMap((policy, index) => [
    text(nameOf(policy), 0, index * LANE + 21),
    line(LEFT, index * LANE + 16, width, index * LANE + 16, "plot__grid"),
  ]);
  // The oldest first, so that what happened last lies on top.
  const marks = [...decisions].reverse().map((decision) => {
    const lane = Math.max(0, lanes.indexOf(OPPONENTS[decision.family] ?? ""));
    return titled(
      mark(decision, across(Date.parse(decision.at)), lane * LANE + 16),
      `${nameOf(lanes[lane] ?? "")}, ${ago(decision.at, nowMs)}: ${wordsOf(decision)}`,
    );
  });
  const legend = height - 6;
  plot.setAttribute(
    "aria-label",
    `${decisions.length} decisions over ${age(new Date(oldest).toISOString(), nowMs)}; the newest are listed below`,
  );
  plot.replaceChildren(
    ...guides,
    ...marks,
    text(ago(new Date(oldest).toISOString(), nowMs), LEFT, legend),
    text("now", width, legend, { anchor: "end" }),
  );
}

/** @param {HTMLElement} list @param {readonly Decision[]} decisions newest first @param {number} nowMs */
export function listDecisions(list, decisions, nowMs) {
  list.replaceChildren(
    ...decisions.slice(0, SHOWN).map((decision) => {
      const item = make("li", "decision-line");
      item.dataset.decision = decision.decision;
      const moves = decision.moves
        .map((move) => `${move.alias} v${move.previous_version ?? "–"} → v${move.version ?? "–"}`)
        .join(", ");
      const body = make("p", "decision-line__words");
      body.append(make("b", "", nameOf(OPPONENTS[decision.family] ?? decision.family)), `: ${wordsOf(decision)}`);
      item.append(body, make("p", "decision-line__note", [ago(decision.at, nowMs), moves].filter(Boolean).join(" · ")));
      return item;
    }),
  );
}
