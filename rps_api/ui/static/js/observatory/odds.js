/** Whether opponents win as often as their play was worth, and whether win probabilities come true. */
/** @import {Loop} from "../../../types/page.js" */
import { make, makeSvg } from "../dom.js";
import { nameOf, share, whole } from "./format.js";
import { line, sized, text, titled } from "./svg.js";

const HEIGHT = 250;
const LEFT = 46;
const BOTTOM = 222;
const TOP = 10;

/** @type {Record<Loop["opponents"][number]["choice_rule"], string>} */
const RULES = {
  win_probability: "goes for the best chance to win",
  banked: "bets only what it has won from the player",
  equilibrium: "plays perfectly",
  expected_value: "goes for the most points",
};

/** @param {Element} list @param {Loop} loop */
export function listOpponents(list, { opponents }) {
  list.replaceChildren(
    ...opponents.map(({ policy, choice_rule: rule, win_rate: rate, expected, games }) => {
      const item = make("li", "opponent-line");
      const found = rate
        ? `won ${share(rate.rate)} of ${whole(rate.trials)} (${share(rate.low)} to ${share(rate.high)}), expected ${share(expected)}`
        : games > 0
          ? `${whole(games)} ties`
          : "no finished games yet";
      item.append(make("b", "", nameOf(policy)), ` ${RULES[rule]}: ${found}.`);
      return item;
    }),
  );
}

/** @param {Element} plot @param {HTMLElement} empty @param {Loop} loop */
export function drawCalibration(plot, empty, { calibration }) {
  empty.hidden = calibration.length > 0;
  plot.toggleAttribute("hidden", calibration.length === 0);
  if (calibration.length === 0) return;
  const width = sized(plot, HEIGHT);
  const across = (/** @type {number} */ chance) => LEFT + chance * (width - LEFT - 12);
  const height = (/** @type {number} */ won) => BOTTOM - won * (BOTTOM - TOP);
  const most = Math.max(...calibration.map((bin) => bin.rounds));
  const grid = [0, 0.5, 1].flatMap((at) => [
    line(LEFT, height(at), across(1), height(at), "plot__grid"),
    text(share(at), LEFT - 6, height(at) + 5, { anchor: "end" }),
    text(share(at), across(at), BOTTOM + 20, { anchor: at === 0 ? "start" : at === 1 ? "end" : "middle" }),
  ]);
  const dots = calibration.map((bin) =>
    titled(
      makeSvg("circle", {
        class: "accuracy__dot accuracy__dot--plays",
        cx: across(bin.predicted),
        cy: height(bin.won),
        r: 3 + 6 * Math.sqrt(bin.rounds / most),
      }),
      spoken(bin),
    ),
  );
  plot.setAttribute("aria-label", `Calibration of the bot’s win probability. ${calibration.map(spoken).join("; ")}.`);
  plot.replaceChildren(...grid, line(across(0), height(0), across(1), height(1), "plot__chance"), ...dots);
}

/** @param {Loop["calibration"][number]} bin */
function spoken({ rounds, predicted, won }) {
  return `of ${whole(rounds)} rounds at ${share(predicted)}, ${share(won)} were in games that the bot won`;
}
