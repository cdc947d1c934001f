// @ts-check
/**
 * From the API's JSON to the page's words, the only place that knows the names of its fields.
 *
 * Replies are checked where the game depends on them: a missing field becomes an error with its name, not a `NaN` on the board.
 */
/** @import {Forecast, Game, ModelSummary, Move, Round, ServedModel, Values, Winner} from "./types.js" */
import { MOVES, isMove, resultOf } from "./rules.js";

/** @typedef {Record<string, unknown>} Json */

/** @param {unknown} value @returns {Json} */
export function asObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Json} */ (value) : {};
}

/** @param {Json} json @param {string} name */
function requireNumber(json, name) {
  const value = json[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError(`the reply has no number "${name}"`);
  return value;
}

/** @param {Json} json @param {string} name @returns {Move} */
function requireMove(json, name) {
  const value = json[name];
  if (!isMove(value)) throw new TypeError(`the reply has no move "${name}"`);
  return value;
}

/** @param {unknown} value @returns {string | null} */
function textOrNull(value) {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" && value !== "unknown" ? value : null;
}

/** @param {unknown} value @returns {number | null} */
function numberOrNull(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** @param {unknown} value @returns {Values | null} */
export function decodeValues(value) {
  const json = asObject(value);
  if (!MOVES.every((move) => typeof json[move] === "number")) return null;
  return /** @type {Values} */ (Object.fromEntries(MOVES.map((move) => [move, json[move]])));
}

/** @param {unknown} value @returns {Winner | null} */
function decodeWinner(value) {
  return value === "user" || value === "bot" || value === "tie" ? value : null;
}

/** @param {Json} json @returns {Forecast | null} */
function decodeForecast(json) {
  const debug = asObject(json.debug);
  const info = asObject(json.model_info);
  const probabilities = decodeValues(debug.probabilities ?? json.probabilities);
  if (!probabilities) return null;
  const source = debug.probability_source ?? info.probability_source ?? json.probability_source;
  return {
    probabilities,
    source: textOrNull(source) ?? "unknown",
    alias: textOrNull(info.model_alias ?? json.model_alias),
    version: textOrNull(info.model_version ?? json.model_version),
  };
}

/** Scores are sums of doubles; what a round gained has one digit. @param {number} after @param {number} before */
function gained(after, before) {
  return Math.max(0, Math.round(10 * (after - before)) / 10);
}

/**
 * A round as POST /play and /recent tell it, or, without gains and forecast, as GET /games/{id} does.
 *
 * @param {unknown} value @param {Round} [previous] the round before it @returns {Round}
 */
export function decodeRound(value, previous) {
  const json = asObject(value);
  const userScore = requireNumber(json, "user_score");
  const botScore = requireNumber(json, "bot_score");
  const userMove = requireMove(json, "user_move");
  const botMove = requireMove(json, "bot_move");
  return {
    roundNo: requireNumber(json, "round"),
    userMove,
    botMove,
    result: resultOf(userMove, botMove),
    userGain: numberOrNull(json.user_delta) ?? gained(userScore, previous?.userScore ?? 0),
    botGain: numberOrNull(json.bot_delta) ?? gained(botScore, previous?.botScore ?? 0),
    userScore,
    botScore,
    values: decodeValues(json.round_points),
    forecast: decodeForecast(json),
  };
}

/** @param {unknown} value @returns {Round[]} */
export function decodeRounds(value) {
  /** @type {Round[]} */
  const rounds = [];
  for (const item of Array.isArray(value) ? value : []) rounds.push(decodeRound(item, rounds.at(-1)));
  return rounds;
}

/** Add to each round what only /recent tells: the forecast. @param {Game} game @param {readonly Round[]} recent @returns {Game} */
export function withForecasts(game, recent) {
  const known = new Map(recent.map((round) => [round.roundNo, round.forecast]));
  return { ...game, rounds: game.rounds.map((round) => ({ ...round, forecast: round.forecast ?? known.get(round.roundNo) ?? null })) };
}

/** A game as POST /start_game and GET /games/{id} tell it. @param {unknown} value @param {number} target @returns {Game} */
export function decodeGame(value, target) {
  const json = asObject(value);
  const rounds = decodeRounds(json.rounds);
  const id = textOrNull(json.game_id);
  if (id === null) throw new TypeError('the reply has no text "game_id"');
  const winner = decodeWinner(json.winner);
  return {
    id,
    playerName: textOrNull(json.player_name) ?? "You",
    policy: textOrNull(json.bot_policy ?? json.policy) ?? "",
    targetPoints: numberOrNull(json.target_score) ?? target,
    userScore: numberOrNull(json.user_score) ?? 0,
    botScore: numberOrNull(json.bot_score) ?? 0,
    roundNo: numberOrNull(json.round_no) ?? rounds.length + 1,
    values: decodeValues(json.round_points),
    rounds,
    finished: json.status === "finished" || winner !== null,
    winner,
  };
}

/** The game after a reply of POST /play. @param {Game} game @param {unknown} reply @returns {Game} */
export function afterRound(game, reply) {
  const json = asObject(reply);
  const round = decodeRound(reply);
  const earlier = game.rounds.filter((played) => played.roundNo < round.roundNo);
  return {
    ...game,
    userScore: round.userScore,
    botScore: round.botScore,
    roundNo: round.roundNo + 1,
    values: null,
    rounds: [...earlier, round],
    finished: json.finished === true,
    winner: decodeWinner(json.winner),
  };
}

/** GET /models: families with their four slots, null where a slot is empty. @param {unknown} value @returns {ModelSummary} */
export function decodeModels(value) {
  /** @type {Record<string, ServedModel>} */
  const production = {};
  /** @type {Record<string, number>} */
  const trainedGames = {};
  let slots = 0;
  let serving = 0;
  for (const [family, view] of Object.entries(asObject(value))) {
    for (const [alias, held] of Object.entries(asObject(asObject(view).aliases))) {
      slots += 1;
      const version = textOrNull(asObject(held).version);
      if (version === null) continue;
      serving += 1;
      const games = numberOrNull(asObject(held).training_games);
      if (games !== null) trainedGames[modelKey(family, version)] = games;
      if (alias === "Production") production[family] = { version, trainedGames: games };
    }
  }
  if (slots === 0) throw new TypeError("the reply names no model slot");
  return { serving, slots, production, trainedGames };
}

/** @param {string} family @param {string} version */
export function modelKey(family, version) {
  return `${family} ${version}`;
}
