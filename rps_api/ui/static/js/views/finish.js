/** The end of a game: the result, the chance to win over its rounds, luck and skill, and facts. */
/** @import {Game, KeptGame, Opponent} from "../../../types/page.js" */
import { saveCard } from "../card.js";
import { curveOf } from "../curve.js";
import { byId, make, makeSvg, setText } from "../dom.js";
import { fairnessWords } from "../fairness.js";
import { points, wasRead } from "../rules.js";
import { BITS_A_MOVE, countedRounds, readBits, storyOf, storyWords } from "../story.js";
import { streakOf } from "../tendencies.js";
import { counted, finishWords, percent, signedPercent } from "../words.js";

const HEIGHT = 170;
const LEFT = 46;
const EDGE = 10;

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
    ...storyFacts(game),
  ];
}

/** @param {Game} game @returns {[string, string][]} */
function storyFacts(game) {
  const story = storyOf(game);
  if (!story) return [];
  const bits = story.bits === null ? "–" : readBits(story).toFixed(2);
  return [
    ["skill", signedPercent(story.skill)],
    ["luck", signedPercent(story.luck)],
    [`bits read, of ${BITS_A_MOVE.toFixed(2)} a move`, bits],
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
  const curve = byId("curve");
  const facts = byId("finish-facts");
  const again = byId("play-again");
  again.addEventListener("click", onAgain);
  byId("change-opponent").addEventListener("click", onChange);

  /** @type {{game: Game, opponent: Opponent} | null} */
  let shown = null;
  byId("save-card").addEventListener("click", () => {
    if (shown) saveCard(shown.game, shown.opponent);
  });

  /** @param {Game} game */
  function drawCurve(game) {
    const rounds = countedRounds(game);
    curve.toggleAttribute("hidden", !rounds);
    if (!rounds) return;
    // One unit is one pixel, so that text in the plot has the size of all other text.
    const across = Math.max(240, curve.clientWidth);
    curve.setAttribute("viewBox", `0 0 ${across} ${HEIGHT}`);
    const box = { left: LEFT, top: EDGE, width: across - LEFT - EDGE, height: HEIGHT - 2 * EDGE };
    const { line, turn } = curveOf(game, box);
    const spoken = rounds.map((round) => `round ${round.roundNo} ${percent(round.chances.after)}`).join(", ");
    curve.setAttribute("aria-label", `Your chance to win after each round: ${spoken}`);
    curve.replaceChildren(
      ...[0, 0.5, 1].map((share) => label(percent(share), EDGE + (1 - share) * box.height)),
      makeSvg("line", { class: "curve__even", x1: LEFT, x2: across - EDGE, y1: HEIGHT / 2, y2: HEIGHT / 2 }),
      makeSvg("polyline", { class: "curve__line", points: line.map((point) => point.join(",")).join(" ") }),
      ...(turn ? [makeSvg("circle", { class: "curve__turn", cx: turn[0], cy: turn[1], r: 6 })] : []),
    );
  }

  /** @param {Game} game */
  async function check(game) {
    setText(byId("finish-key"), "");
    const words = await fairnessWords(game);
    if (shown?.game === game) setText(byId("finish-key"), words);
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
      setText(byId("finish-story"), storyWords(game, opponent.name));
      if (shown?.game !== game) void check(game);
      shown = { game, opponent };
      drawCurve(game);
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

/** @param {string} text @param {number} y */
function label(text, y) {
  const element = makeSvg("text", { class: "curve__label", x: LEFT - 6, y: y + 5, "text-anchor": "end" });
  element.textContent = text;
  return element;
}
