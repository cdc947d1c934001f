/** Sentences about rounds, predictions and games. Plain functions. */
/** @import {Chances, Prediction, Game, Round} from "../../types/page.js" */
import { MOVES, beats, capital, largest, points, sourceKind } from "./rules.js";

/** @param {Round} round @param {string} bot @returns {{headline: string, why: string}} */
export function roundWords(round, bot) {
  if (round.result === "draw") {
    return { headline: "Draw", why: `Both played ${round.userMove}: ${points(round.userGain)} for each.` };
  }
  if (round.result === "win") {
    return {
      headline: "Round won",
      why: `${beats(round.userMove, round.botMove)}: ${points(round.userGain)} for you.`,
    };
  }
  return {
    headline: "Round lost",
    why: `${beats(round.botMove, round.userMove)}: ${points(round.botGain)} for ${bot}.`,
  };
}

/** A round as a screen reader announces it. @param {Round} round @param {string} bot */
export function spokenRound(round, bot) {
  const { headline, why } = roundWords(round, bot);
  return (
    `Round ${round.roundNo}. You played ${round.userMove}, ${bot} played ${round.botMove}. ${headline}. ${why} ` +
    `You ${points(round.userScore)}, ${bot} ${points(round.botScore)}.` +
    (round.chances ? ` Your chance to win: ${percent(round.chances.after)}.` : "")
  );
}

/** @param {Game} game */
export function spokenValues(game) {
  const { values } = game;
  if (!values) return "";
  const best = largest(values);
  return (
    `Round ${game.roundNo}: rock ${points(values.rock)}, paper ${points(values.paper)}, ` +
    `scissors ${points(values.scissors)}. ${capital(best)} pays most.`
  );
}

/** @param {Game} game @param {string} bot @returns {{headline: string, why: string}} */
export function openingWords(game, bot) {
  if (!game.values) return { headline: "Loading the prices…", why: "" };
  const best = largest(game.values);
  return {
    headline: "Your move",
    why: `${capital(best)} ${best === "scissors" ? "pay" : "pays"} most. ${bot} sees that too.`,
  };
}

/** @param {Round | undefined} round @param {string} bot */
export function predictionLead(round, bot) {
  if (!round) return `After each round, this shows what ${bot} expected you to play.`;
  const kind = sourceKind(round.prediction);
  if (!round.prediction || kind === "unknown")
    return `What ${bot} expected in round ${round.roundNo} was not recorded.`;
  if (kind === "gambit")
    return `Round ${round.roundNo} was part of ${bot}’s opening, so there is no prediction.`;
  if (kind === "guess") return `${bot} had no model and treated all three moves as equally likely.`;
  const expected = largest(round.prediction.probabilities);
  const share = percent(round.prediction.probabilities[expected]);
  if (expected === round.userMove) return `${bot} read you: ${expected} at ${share}, and you played it.`;
  return `${bot} expected ${expected} at ${share}. You played ${round.userMove}.`;
}

/**
 * @param {Prediction | null} prediction @param {string} bot
 * @param {number | undefined} trainedGames games the model was trained on, if known
 */
export function predictionSource(prediction, bot, trainedGames) {
  const kind = sourceKind(prediction);
  if (!prediction || kind === "unknown") return "";
  if (kind === "gambit") return "Source: opening gambit. The model takes over in round 4.";
  if (kind === "guess") return "Source: none. There is no model yet, so the bot guesses.";
  const version = prediction.version ? ` version ${prediction.version}` : "";
  const alias = prediction.alias ? ` (${prediction.alias})` : "";
  const games = trainedGames === undefined ? "" : `, trained on ${trainedGames.toLocaleString("en")} games`;
  return `Source: ${bot}’s model${version}${alias}${games}.`;
}

/** @param {Game} game @param {string} bot @returns {{kicker: string, title: string, score: string}} */
export function finishWords(game, bot) {
  const score = `${points(game.userScore)} to ${points(game.botScore)} after ${game.rounds.length} rounds`;
  if (game.winner === "user") return { kicker: "Victory", title: `You beat ${bot}`, score };
  if (game.winner === "bot") return { kicker: "Defeat", title: `${bot} beat you`, score };
  return { kicker: "Tie", title: `You and ${bot} tie`, score };
}

/** @param {number} share @param {number} [digits] */
export function percent(share, digits = 0) {
  return `${(100 * share).toFixed(digits)}\u202f%`;
}

/** Percentage points with their sign. @param {number} share @param {number} [digits] */
export function signedPercent(share, digits = 0) {
  const size = Math.abs(100 * share).toFixed(digits);
  return `${Number(size) === 0 ? "±" : share < 0 ? "−" : "+"}${size}\u202f%`;
}

/** What a move did to the chance to win, before the bot's draw. @param {Chances} chances @returns {string} */
export function moveWords({ shown, chosen, best, perfect }) {
  const mix = MOVES.map((move) => `${move} ${percent(perfect[move])}`).join(", ");
  const gain = chosen - shown;
  const against =
    Math.abs(gain) < 0.0005
      ? "Against what the bot drew from, your move neither cost nor gained anything"
      : `Against what the bot drew from, your move ${gain < 0 ? "cost" : "gained"} ${percent(Math.abs(gain), 1)} of your chance to win`;
  const better = best - chosen > 0.0005 ? `; the best one was ${percent(best - chosen, 1)} better.` : "; none was better.";
  return `A perfect player would have drawn from ${mix}. ${against}${better}`;
}

/** @param {number} count @param {string} singular @param {string} [plural] */
export function counted(count, singular, plural = `${singular}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? singular : plural}`;
}

/** "12 Nov 2026". @param {string | number | null} moment */
export function day(moment) {
  const date = new Date(moment ?? Number.NaN);
  return Number.isNaN(date.getTime())
    ? "–"
    : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}
