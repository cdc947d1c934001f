/** Accuracy of the twelve slots: a dot with its interval, and a line for chance. */
/** @import {Slot} from "../../../types/page.js" */
import { makeSvg } from "../dom.js";
import { nameOf, share, whole } from "./format.js";
import { line, sized, text, titled } from "./svg.js";

const HEAD = 26;
/** Words beside the marks; on a phone above them. */
const WIDE = { row: 30, left: 112, right: 112, words: 0, mark: 0 };
const NARROW = { row: 48, left: 8, right: 16, words: -10, mark: 10 };
const NARROW_PX = 440;
const CHANCE = 1 / 3;
const LEAST_TO = 0.6;

/** @param {Element} plot @param {readonly Slot[]} slots */
export function drawAccuracy(plot, slots) {
  const families = [...new Set(slots.map((slot) => slot.policy))];
  const layout = plot.clientWidth < NARROW_PX ? NARROW : WIDE;
  const height = HEAD + families.length * (4 * layout.row + 30) + 26;
  const width = sized(plot, height);
  const highest = Math.max(LEAST_TO, ...slots.map((slot) => slot.accuracy?.high ?? 0));
  const across = (/** @type {number} */ rate) =>
    layout.left + (rate / Math.min(1, highest * 1.04)) * (width - layout.left - layout.right);
  const marks = [];
  let y = HEAD - 12;
  for (const policy of families) {
    y += 14;
    marks.push(text(nameOf(policy), 0, y, { kind: "plot__text--strong" }));
    y += 6;
    for (const slot of slots.filter((candidate) => candidate.policy === policy)) {
      marks.push(...rowMarks(slot, y + layout.row / 2, across, width, layout));
      y += layout.row;
    }
    y += 10;
  }
  const chance = line(across(CHANCE), HEAD - 10, across(CHANCE), y, "plot__chance");
  const grid = [0.2, 0.4, 0.6, 0.8]
    .filter((rate) => rate <= highest)
    .flatMap((rate) => [
      line(across(rate), HEAD - 10, across(rate), y, "plot__grid"),
      text(share(rate), across(rate), y + 18, { anchor: "middle" }),
    ]);
  plot.setAttribute("aria-label", `Accuracy by slot. ${slots.map(spoken).join(" ")}`);
  plot.replaceChildren(...grid, chance, text("chance", across(CHANCE), HEAD - 14, { anchor: "middle" }), ...marks);
}

/** @param {Slot} slot */
function spoken(slot) {
  const found = slot.accuracy;
  const rate = found
    ? `${share(found.rate)}, between ${share(found.low)} and ${share(found.high)}, in ${found.trials} rounds`
    : "no predictions yet";
  const loss = slot.test_log_loss === null ? "" : `, log loss ${slot.test_log_loss.toFixed(3)} on its hold-out`;
  return `${nameOf(slot.policy)} ${slot.alias}: ${slot.version ? `version ${slot.version}, ${rate}${loss}` : "empty"}.`;
}

/** @param {Slot} slot @param {number} middle @param {(rate: number) => number} across @param {number} width @param {typeof WIDE} layout */
function rowMarks(slot, middle, across, width, layout) {
  const plays = slot.alias === "Production" || slot.alias === "B";
  const wordsAt = middle + layout.words + 5;
  const y = middle + layout.mark;
  const label = text(`${slot.alias}${slot.version ? ` v${slot.version}` : ""}`, 8, wordsAt);
  const found = slot.accuracy;
  if (!found)
    return [
      label,
      text(slot.version ? "no predictions yet" : "empty", width, wordsAt, { anchor: "end", kind: "plot__text--faint" }),
    ];
  const dot = makeSvg("circle", {
    class: `accuracy__dot ${plays ? "accuracy__dot--plays" : ""}`,
    cx: across(found.rate),
    cy: y,
    r: 4.5,
  });
  return [
    label,
    line(across(found.low), y, across(found.high), y, "accuracy__interval"),
    line(across(found.low), y - 5, across(found.low), y + 5, "accuracy__interval"),
    line(across(found.high), y - 5, across(found.high), y + 5, "accuracy__interval"),
    titled(dot, spoken(slot)),
    text(`${share(found.rate)} of ${whole(found.trials)}`, width, wordsAt, { anchor: "end" }),
  ];
}
