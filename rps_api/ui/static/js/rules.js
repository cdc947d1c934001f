/**
 * The rules that the page needs to explain prices and rounds. The server alone decides what happens in a round.
 *
 * `HUNTER` repeats `rps_core.game.moves`, because the page names the risk of a move before the server knows the move.
 */
/** @import {Prediction, Move, Rank, Round, Values} from "../../types/page.js" */

/** The moves in canonical order. Of equal largest values the first in this order wins, as on the server. */
export const MOVES = /** @type {const} */ (["rock", "paper", "scissors"]);

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

/** @param {Values} values @returns {Move} */
export function largest(values) {
  return MOVES.reduce((best, move) => (values[move] > values[best] ? move : best));
}

/** Rank the moves by value. @param {Values} values @returns {Record<Move, Rank>} */
export function ranksOf(values) {
  const ordered = [...MOVES].sort((a, b) => values[a] - values[b]);
  const ranks = /** @type {const} */ (["low", "middle", "best"]);
  const entries = ordered.map((move, index) => [move, ranks[index]]);
  return /** @type {Record<Move, Rank>} */ (Object.fromEntries(entries));
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

/** @param {Prediction | null} prediction @returns {"gambit" | "model" | "guess" | "unknown"} */
export function sourceKind(prediction) {
  if (!prediction) return "unknown";
  if (prediction.source === "gambit") return "gambit";
  return prediction.source.includes("fallback") || prediction.source === "uniform" ? "guess" : "model";
}

/** Whether a model expected this move; null if no model predicted the round. @param {Round} round @returns {boolean | null} */
export function wasRead(round) {
  if (!round.prediction || sourceKind(round.prediction) !== "model") return null;
  return largest(round.prediction.probabilities) === round.userMove;
}

/** Points with their sign. @param {number} value */
export function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
