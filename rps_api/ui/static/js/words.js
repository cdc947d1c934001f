// @ts-check
/** What the page says about rounds, forecasts and games. Plain functions from data to sentences. */
/** @import {Forecast, Game, Round} from "./types.js" */
import { beats, capital, largest, points, sourceKind } from "./rules.js";

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

/** One sentence for people who listen. @param {Round} round @param {string} bot */
export function spokenRound(round, bot) {
  const { headline, why } = roundWords(round, bot);
  return (
    `Round ${round.roundNo}. You played ${round.userMove}, ${bot} played ${round.botMove}. ${headline}. ${why} ` +
    `You ${points(round.userScore)}, ${bot} ${points(round.botScore)}.`
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
  if (!game.values) return { headline: "Shuffling the prices…", why: "" };
  const best = largest(game.values);
  return {
    headline: "Your move",
    why: `${capital(best)} ${best === "scissors" ? "pay" : "pays"} most. ${bot} sees that too.`,
  };
}

/** @param {Round | undefined} round @param {string} bot */
export function forecastLead(round, bot) {
  if (!round) return `After each round you see here what ${bot} thought you would play.`;
  const kind = sourceKind(round.forecast);
  if (!round.forecast || kind === "unknown") return `What ${bot} expected in round ${round.roundNo} was not recorded.`;
  if (kind === "gambit") return `Round ${round.roundNo} belonged to ${bot}’s scripted opening: no prediction yet.`;
  if (kind === "guess") return `${bot} had no idea and took all three for equally likely.`;
  const expected = largest(round.forecast.probabilities);
  const share = percent(round.forecast.probabilities[expected]);
  if (expected === round.userMove) return `${bot} read you: ${expected} at ${share}, and you played it.`;
  return `${bot} expected ${expected} at ${share}. You played ${round.userMove}.`;
}

/**
 * @param {Forecast | null} forecast @param {string} bot
 * @param {number | undefined} trainedGames games the model learned from, where that is known
 */
export function forecastSource(forecast, bot, trainedGames) {
  const kind = sourceKind(forecast);
  if (!forecast || kind === "unknown") return "";
  if (kind === "gambit") return "Source: opening gambit. Models take over in round 4.";
  if (kind === "guess") return "Source: none. No model plays yet, so it guesses.";
  const version = forecast.version ? ` version ${forecast.version}` : "";
  const alias = forecast.alias ? ` (${forecast.alias})` : "";
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

/** @param {number} share */
export function percent(share) {
  return `${Math.round(100 * share)}\u202f%`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** "12 Nov 2026". @param {string | number | null} moment */
export function day(moment) {
  const date = new Date(moment ?? Number.NaN);
  return Number.isNaN(date.getTime())
    ? "–"
    : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}
