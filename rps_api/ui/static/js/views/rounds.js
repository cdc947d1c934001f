/** The rounds of the game, newest first. */
/** @import {Game, Opponent, Round} from "../../../types/page.js" */
import { byId, make, makeIcon, setText } from "../dom.js";
import { points, wasRead } from "../rules.js";
import { signedPercent } from "../words.js";

const WORDS = { win: "won", lose: "lost", draw: "draw" };

/** @param {Round} round */
function resultWords(round) {
  return round.userGain > 0 ? `${WORDS[round.result]} +${points(round.userGain)}` : WORDS[round.result];
}

/** @param {Round} round @param {string} bot @param {(roundNo: number) => void} onWhy */
function row(round, bot, onWhy) {
  const item = make("li", "round");
  item.dataset.result = round.result;
  item.append(make("span", "round__no", String(round.roundNo)));
  const duel = make("span", "round__duel");
  duel.append(
    makeIcon(round.userMove),
    make("span", "visually-hidden", `You ${round.userMove}, ${bot} ${round.botMove}:`),
    make("span", "round__versus", "vs"),
    makeIcon(round.botMove),
  );
  const result = make("span", "round__result");
  result.append(make("span", "round__gain", resultWords(round)));
  if (round.chances) {
    const moved = make("span", "round__odds", signedPercent(round.chances.after - round.chances.before));
    moved.append(make("span", "visually-hidden", " chance to win"));
    result.append(" ", moved);
  }
  item.append(duel, result);
  const read = make("span", "round__read");
  if (wasRead(round)) {
    read.append(makeIcon("eye"), make("span", "visually-hidden", `${bot} expected this.`));
    read.title = `${bot} expected this`;
  }
  item.append(read, make("span", "round__score", `${points(round.userScore)} : ${points(round.botScore)}`));
  const why = make("button", "round__why", "Why?");
  why.type = "button";
  why.setAttribute("aria-label", `Why? Round ${round.roundNo}`);
  why.addEventListener("click", () => onWhy(round.roundNo));
  item.append(why);
  return item;
}

/** @param {{onWhy: (roundNo: number) => void}} options */
export function createRounds({ onWhy }) {
  const list = byId("rounds");
  const empty = byId("rounds-empty");
  const legend = byId("rounds-legend");
  /** @type {readonly Round[]} */
  let shown = [];

  return {
    /** @param {Game} game @param {Opponent} opponent */
    render(game, opponent) {
      if (game.rounds === shown) return;
      shown = game.rounds;
      list.replaceChildren(...[...game.rounds].reverse().map((round) => row(round, opponent.name, onWhy)));
      empty.hidden = game.rounds.length > 0;
      legend.hidden = !game.rounds.some(wasRead);
      setText(byId("rounds-bot"), opponent.name);
    },
  };
}
