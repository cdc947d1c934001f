/**
 * Turns the API's replies into games and rounds.
 *
 * Types are checked during development. At run time only the fields that the board shows are checked: if one is missing,
 * the player sees an error with its name and not a `NaN`.
 */
/** @import {Prediction, Game, GameReply, PlayReply, Round, RoundReply, StartReply, Values, Winner} from "../../types/page.js" */
import { MOVES, isMove } from "./rules.js";

/** @param {object} reply @param {readonly string[]} names */
function requireNumbers(reply, names) {
  const fields = new Map(Object.entries(reply));
  for (const name of names) {
    if (!Number.isFinite(fields.get(name))) throw new TypeError(`the reply has no number "${name}"`);
  }
}

/** @param {PlayReply | RoundReply} reply */
function requireRound(reply) {
  requireNumbers(reply, ["round", "user_score", "bot_score"]);
  for (const name of /** @type {const} */ (["user_move", "bot_move"])) {
    if (!isMove(reply[name])) throw new TypeError(`the reply has no move "${name}"`);
  }
}

/** Three numbers, or null if one is missing. @param {Partial<Values> | null | undefined} points @returns {Values | null} */
export function valuesOf(points) {
  return points && MOVES.every((move) => Number.isFinite(points[move])) ? /** @type {Values} */ (points) : null;
}

/** @param {string | null} winner @returns {Winner | null} */
export function winnerOf(winner) {
  return winner === "user" || winner === "bot" || winner === "tie" ? winner : null;
}

/** @param {PlayReply} reply @returns {Prediction | null} */
function predictionOf({ debug, model_info: model }) {
  const probabilities = valuesOf(debug?.probabilities);
  if (!probabilities) return null;
  return {
    probabilities,
    expected: valuesOf(debug.move_values),
    source: debug.probability_source,
    alias: model?.model_alias ?? null,
    version: model?.model_version ?? null,
  };
}

/** Points gained in a round. Rounded, because scores are sums of doubles. @param {number} after @param {number} before */
function gained(after, before) {
  return Math.max(0, Math.round(10 * (after - before)) / 10);
}

/**
 * A round from POST /play or GET /recent, or from GET /games/{id}, which has no gains and no prediction.
 *
 * @param {PlayReply | RoundReply} reply @param {Round} [previous] the round before it @returns {Round}
 */
function decodeRound(reply, previous) {
  requireRound(reply);
  const isPlay = "user_delta" in reply;
  return {
    roundNo: reply.round,
    userMove: reply.user_move,
    botMove: reply.bot_move,
    result: reply.result,
    userGain: isPlay ? reply.user_delta : gained(reply.user_score, previous?.userScore ?? 0),
    botGain: isPlay ? reply.bot_delta : gained(reply.bot_score, previous?.botScore ?? 0),
    userScore: reply.user_score,
    botScore: reply.bot_score,
    values: valuesOf(reply.round_points),
    prediction: isPlay ? predictionOf(reply) : null,
    chances: isPlay ? (reply.win_probability ?? null) : null,
  };
}

/** @param {readonly (PlayReply | RoundReply)[]} replies oldest first @returns {Round[]} */
export function decodeRounds(replies) {
  /** @type {Round[]} */
  const rounds = [];
  for (const reply of replies) rounds.push(decodeRound(reply, rounds.at(-1)));
  return rounds;
}

/** Add the predictions and chances, which only GET /recent returns. @param {Game} game @param {readonly Round[]} recent @returns {Game} */
export function withPredictions(game, recent) {
  const known = new Map(recent.map((round) => [round.roundNo, round]));
  return {
    ...game,
    rounds: game.rounds.map((round) => ({
      ...round,
      prediction: round.prediction ?? known.get(round.roundNo)?.prediction ?? null,
      chances: round.chances ?? known.get(round.roundNo)?.chances ?? null,
    })),
  };
}

/** @param {StartReply | GameReply} reply @returns {Game} */
export function decodeGame(reply) {
  if (typeof reply.game_id !== "string") throw new TypeError('the reply has no text "game_id"');
  requireNumbers(reply, ["target_score", "user_score", "bot_score", "round_no"]);
  const winner = "winner" in reply ? winnerOf(reply.winner) : null;
  return {
    id: reply.game_id,
    playerName: reply.player_name,
    policy: reply.policy,
    targetPoints: reply.target_score,
    userScore: reply.user_score,
    botScore: reply.bot_score,
    roundNo: reply.round_no,
    values: valuesOf(reply.round_points),
    rounds: "rounds" in reply ? decodeRounds(reply.rounds) : [],
    winProbability: "win_probability" in reply ? reply.win_probability : 0.5,
    rememberedGames: reply.remembered_games,
    keyHash: reply.value_key_sha256 ?? null,
    valueKey: "value_key" in reply ? reply.value_key : null,
    habit: "habit" in reply ? reply.habit : null,
    finished: reply.status === "finished" || winner !== null,
    winner,
  };
}

/** The game after a reply of POST /play. @param {Game} game @param {PlayReply} reply @returns {Game} */
export function afterRound(game, reply) {
  const round = decodeRound(reply);
  const earlier = game.rounds.filter((played) => played.roundNo < round.roundNo);
  return {
    ...game,
    userScore: round.userScore,
    botScore: round.botScore,
    roundNo: round.roundNo + 1,
    values: valuesOf(reply.next_round_points),
    rounds: [...earlier, round],
    winProbability: round.chances?.after ?? game.winProbability,
    valueKey: reply.value_key ?? null,
    habit: reply.habit ?? null,
    finished: reply.finished,
    winner: winnerOf(reply.winner),
  };
}
