/** A plot of how likely the bot held each move of the player, at the end of a game. */
/** @import {Game, Opponent, Round} from "../../../types/page.js" */
import { byId, makeSvg, setText } from "../dom.js";
import { wasRead } from "../rules.js";
import { expectedShare, reviewLead } from "../tendencies.js";
import { percent } from "../words.js";

const TOP = 14;
const BOTTOM = 160;
const HEIGHT = 190;
const LEFT = 48;
const FEWEST_COLUMNS = 8;
const NARROW_COLUMN = 36;
/** Numbers of rounds below the plot need this many pixels each. */
const NUMBER_WIDTH = 20;

/** @param {number} share */
const height = (share) => BOTTOM - share * (BOTTOM - TOP);

/** @param {string} text @param {number} x @param {number} y @param {string} anchor */
function label(text, x, y, anchor) {
  const element = makeSvg("text", { class: "review__label", x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

/** @param {{onWhy: (roundNo: number) => void}} options */
export function createReview({ onWhy }) {
  const root = byId("review");
  const plot = byId("review-plot");
  /** @type {readonly Round[] | null} */
  let shown = null;

  /** @param {Round} round @param {number} x @param {number} width */
  function column(round, x, width) {
    const share = expectedShare(round);
    const isNumbered = round.roundNo % Math.ceil(NUMBER_WIDTH / width) === 0;
    const marks = isNumbered ? [label(String(round.roundNo), x + width / 2, BOTTOM + 20, "middle")] : [];
    if (share !== null) {
      const bar = makeSvg("rect", {
        class: `review__bar ${wasRead(round) ? "review__bar--read" : ""}`,
        x: x + width * 0.18,
        y: height(share),
        width: width * 0.64,
        height: Math.max(2, BOTTOM - height(share)),
        rx: 3,
      });
      bar.addEventListener("click", () => onWhy(round.roundNo));
      marks.push(bar);
      if (width >= NARROW_COLUMN) marks.push(label(percent(share), x + width / 2, height(share) - 4, "middle"));
    }
    return marks;
  }

  return {
    /** @param {Game} game @param {Opponent} opponent */
    render(game, opponent) {
      root.hidden = !game.finished;
      if (!game.finished || game.rounds === shown) return;
      shown = game.rounds;
      setText(byId("review-title"), `How ${opponent.name} read you`);
      setText(byId("review-lead"), reviewLead(game.rounds, opponent.name));
      // One unit is one pixel, so that text in the plot has the size of all other text.
      const across = Math.max(240, plot.clientWidth);
      plot.setAttribute("viewBox", `0 0 ${across} ${HEIGHT}`);
      const width = (across - LEFT) / Math.max(FEWEST_COLUMNS, game.rounds.length);
      const grid = [0, 0.5, 1].flatMap((share) => [
        makeSvg("line", { class: "review__grid", x1: LEFT, x2: across, y1: height(share), y2: height(share) }),
        label(percent(share), LEFT - 6, height(share) + 5, "end"),
      ]);
      const chance = makeSvg("line", {
        class: "review__chance",
        x1: LEFT,
        x2: across,
        y1: height(1 / 3),
        y2: height(1 / 3),
      });
      const columns = game.rounds.flatMap((round, index) => column(round, LEFT + index * width, width));
      plot.setAttribute(
        "aria-label",
        `Probability that ${opponent.name} gave to your move, by round: ${spoken(game.rounds)}`,
      );
      plot.replaceChildren(...grid, chance, ...columns);
    },
  };
}

/** @param {readonly Round[]} rounds */
function spoken(rounds) {
  const shares = rounds.map((round) => [round.roundNo, expectedShare(round)]);
  return shares
    .map(([roundNo, share]) => `round ${roundNo} ${share === null ? "opening or guess" : percent(Number(share))}`)
    .join(", ");
}
