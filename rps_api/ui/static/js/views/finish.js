/** The end of a game: the result, the race to the target, and facts about the game. */
/** @import {Game, KeptGame, Opponent, Round} from "../../../types/page.js" */
import { byId, make, makeSvg, setText } from "../dom.js";
import { points, wasRead } from "../rules.js";
import { streakOf } from "../tendencies.js";
import { counted, finishWords } from "../words.js";

const WIDTH = 600;
const HEIGHT = 150;
const EDGE = 8;

/** @param {Game} game @param {(round: Round) => number} score @returns {string} points of an SVG polyline */
function line(game, score) {
  const top = Math.max(game.targetPoints, game.userScore, game.botScore);
  const across = (WIDTH - 2 * EDGE) / Math.max(1, game.rounds.length);
  const scores = [0, ...game.rounds.map(score)];
  return scores
    .map((value, index) => `${EDGE + index * across},${HEIGHT - EDGE - (value / top) * (HEIGHT - 2 * EDGE)}`)
    .join(" ");
}

/** @param {Game} game @param {Opponent} opponent @returns {[string, string][]} */
export function factsOf(game, opponent) {
  const count = (/** @type {string} */ result) => game.rounds.filter((round) => round.result === result).length;
  const judged = game.rounds.map(wasRead).filter((read) => read !== null);
  const read = judged.filter(Boolean).length;
  const best = Math.max(0, ...game.rounds.filter((round) => round.result === "win").map((round) => round.userGain));
  return [
    ["won · drawn · lost", `${count("win")} · ${count("draw")} · ${count("lose")}`],
    ["your best round", best > 0 ? `+${points(best)}` : "–"],
    [`${opponent.name} read you`, judged.length ? `${read} of ${judged.length}` : "not yet"],
  ];
}

/** @param {readonly KeptGame[]} games of this browser, newest first @param {Opponent} opponent */
function streakWords(games, opponent) {
  const { current, longest } = streakOf(games.filter((kept) => kept.policy === opponent.policy));
  if (longest === 0) return `No wins against ${opponent.name} in this browser yet.`;
  const now =
    current === 0 ? "Your streak has ended" : `Your streak against ${opponent.name}: ${counted(current, "win")}`;
  return current === longest ? `${now}, your longest.` : `${now}. Your longest: ${counted(longest, "win")}.`;
}

/** @param {{onAgain: () => void, onChange: () => void}} options */
export function createFinish({ onAgain, onChange }) {
  const root = byId("finish");
  const race = byId("race");
  const facts = byId("finish-facts");
  const again = byId("play-again");
  again.addEventListener("click", onAgain);
  byId("change-opponent").addEventListener("click", onChange);

  /** @param {Game} game @param {Opponent} opponent */
  function drawRace(game, opponent) {
    race.setAttribute(
      "aria-label",
      `Points by round: you end at ${points(game.userScore)}, ${opponent.name} at ${points(game.botScore)}.`,
    );
    race.replaceChildren(
      makeSvg("line", { class: "race__target", x1: 0, x2: WIDTH, y1: EDGE, y2: EDGE }),
      makeSvg("polyline", { class: "race__line race__line--bot", points: line(game, (round) => round.botScore) }),
      makeSvg("polyline", { class: "race__line race__line--you", points: line(game, (round) => round.userScore) }),
    );
    setText(byId("race-bot"), opponent.name);
  }

  return {
    /** @param {Game} game @param {Opponent} opponent @param {boolean} busy @param {readonly KeptGame[]} games of this browser */
    render(game, opponent, busy, games) {
      root.hidden = !game.finished;
      if (!game.finished) return;
      const words = finishWords(game, opponent.name);
      root.dataset.winner = game.winner ?? "tie";
      setText(byId("finish-kicker"), words.kicker);
      setText(byId("finish-title"), words.title);
      setText(byId("finish-score"), words.score);
      again.setAttribute("aria-disabled", String(busy));
      setText(byId("finish-streak"), streakWords(games, opponent));
      drawRace(game, opponent);
      facts.replaceChildren(
        ...factsOf(game, opponent).map(([name, value]) => {
          const fact = make("div", "fact");
          fact.append(make("dt", "", name), make("dd", "", value));
          return fact;
        }),
      );
    },

    focus() {
      again.focus({ preventScroll: true });
    },
  };
}
