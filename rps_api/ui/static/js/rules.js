// @ts-check
/** @import {Forecast, Move, Rank, Result, Round, Values} from "./types.js" */

// The page's own copy of the rules in `rps_core/game/moves.py`: it answers before the server does.

/** The moves in canonical order; ties of a largest value resolve in it, as they do on the server. */
export const MOVES = /** @type {const} */ (["rock", "paper", "scissors"]);

/** @type {Readonly<Record<Move, Move>>} */
const PREY = { rock: "scissors", paper: "rock", scissors: "paper" };
/** @type {Readonly<Record<Move, Move>>} */
const HUNTER = { scissors: "rock", rock: "paper", paper: "scissors" };

/** @param {unknown} text @returns {text is Move} */
export function isMove(text) {
  return MOVES.some((move) => move === text);
}

/** The move that defeats `move`. @param {Move} move */
export function hunter(move) {
  return HUNTER[move];
}

/** @param {Move} userMove @param {Move} botMove @returns {Result} */
export function resultOf(userMove, botMove) {
  if (userMove === botMove) return "draw";
  return PREY[userMove] === botMove ? "win" : "lose";
}

/** @param {Values} values @returns {Move} */
export function largest(values) {
  return MOVES.reduce((best, move) => (values[move] > values[best] ? move : best));
}

/** Which move is worth most, which least. @param {Values} values @returns {Record<Move, Rank>} */
export function ranksOf(values) {
  const ordered = [...MOVES].sort((a, b) => values[a] - values[b]);
  const ranks = /** @type {const} */ (["low", "middle", "best"]);
  const entries = ordered.map((move, index) => [move, ranks[index]]);
  return /** @type {Record<Move, Rank>} */ (Object.fromEntries(entries));
}

/** Health of a side in percent: each point of the other side costs ten. @param {number} otherScore @param {number} target */
export function healthLeft(otherScore, target) {
  return Math.min(100, Math.max(0, Math.round(100 - (100 * otherScore) / target)));
}

/** @param {number} value @param {number} [digits] */
export function points(value, digits = 1) {
  return value.toFixed(digits);
}

/** @param {string} text */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "Paper beats rock", "Scissors beat paper". @param {Move} winner @param {Move} loser */
export function beats(winner, loser) {
  return `${capital(winner)} ${winner === "scissors" ? "beat" : "beats"} ${loser}`;
}

/** @param {Forecast | null} forecast @returns {"gambit" | "model" | "guess" | "unknown"} */
export function sourceKind(forecast) {
  if (!forecast) return "unknown";
  if (forecast.source === "gambit") return "gambit";
  return forecast.source.includes("fallback") || forecast.source === "uniform" ? "guess" : "model";
}

/** Whether a model expected this very move, or null where none predicted. @param {Round} round @returns {boolean | null} */
export function wasRead(round) {
  if (!round.forecast || sourceKind(round.forecast) !== "model") return null;
  return largest(round.forecast.probabilities) === round.userMove;
}

/** A number of points with its sign. @param {number} value */
export function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
