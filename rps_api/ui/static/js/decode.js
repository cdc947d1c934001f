// @ts-check
/**
 * From the API's JSON to the page's words, the only place that knows the names of its fields.
 *
 * Replies are checked where the game depends on them: a missing field becomes an error with its name, not a `NaN` on the board.
 */
/** @import {Explanation, Forecast, Game, KeptGame, ModelCard, ModelSummary, Move, Rate, Round, ServedModel, SessionSummary, SlotForecast, Standing, Streak, Values, Winner} from "./types.js" */
import { MOVES, isMove, resultOf } from "./rules.js";

/** @typedef {Record<string, unknown>} Json */

/** @param {unknown} value @returns {Json} */
export function asObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Json} */ (value) : {};
}

/** @param {Json} json @param {string} name */
export function requireNumber(json, name) {
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
export function textOrNull(value) {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" && value !== "unknown" ? value : null;
}

/** @param {unknown} value @returns {number | null} */
export function numberOrNull(value) {
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
    expected: decodeValues(debug.move_values),
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
  return {
    ...game,
    rounds: game.rounds.map((round) => ({ ...round, forecast: round.forecast ?? known.get(round.roundNo) ?? null })),
  };
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
    sessionCode: textOrNull(json.session_code),
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
    values: decodeValues(json.next_round_points),
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

/** GET /bot_win_rates, by opponent. @param {unknown} value @returns {Record<string, Rate>} */
export function decodeRates(value) {
  const rates = Object.entries(asObject(asObject(value).bot_rates)).map(([policy, found]) => {
    const json = asObject(found);
    return [policy, { humanWinRate: numberOrNull(json.human_win_rate), games: numberOrNull(json.human_games) ?? 0 }];
  });
  return Object.fromEntries(rates);
}

/** @param {unknown} value @returns {Json[]} */
function asList(value) {
  return Array.isArray(value) ? value.map(asObject) : [];
}

/** GET /win_streaks. @param {unknown} value @returns {Streak[]} */
export function decodeStreaks(value) {
  return asList(asObject(value).players).map((json) => ({
    name: textOrNull(json.username) ?? "Player",
    longest: numberOrNull(json.streak) ?? 0,
    current: numberOrNull(json.current_streak) ?? 0,
    lastWinAt: textOrNull(json.last_win_date),
  }));
}

/** GET /leaderboard. @param {unknown} value @returns {Standing[]} */
export function decodeLeaderboard(value) {
  return asList(asObject(value).leaderboard).map((json) => ({
    name: textOrNull(json.player_name) ?? "Player",
    winRate: numberOrNull(json.win_rate) ?? 0,
    games: numberOrNull(json.total_games) ?? 0,
  }));
}

/** GET /stats of a session. @param {unknown} value @returns {SessionSummary} */
export function decodeSession(value) {
  const json = asObject(value);
  const count = (/** @type {string} */ name) => numberOrNull(json[name]) ?? 0;
  return {
    code: textOrNull(json.session_code) ?? "–",
    games: count("games"),
    rounds: count("rounds"),
    wins: count("wins"),
    losses: count("losses"),
    draws: count("draws"),
  };
}

/** The games this browser remembers; whatever else lies there is left out. @param {unknown} value @returns {KeptGame[]} */
export function decodeKeptGames(value) {
  return asList(value).flatMap((json) => {
    const id = textOrNull(json.id);
    const at = numberOrNull(json.at);
    if (id === null || at === null) return [];
    return [
      {
        id,
        at,
        policy: textOrNull(json.policy) ?? "",
        playerName: textOrNull(json.playerName) ?? "You",
        winner: decodeWinner(json.winner),
        userScore: numberOrNull(json.userScore) ?? 0,
        botScore: numberOrNull(json.botScore) ?? 0,
        rounds: numberOrNull(json.rounds) ?? 0,
      },
    ];
  });
}

/** @param {unknown} value @returns {Record<string, number>} */
function decodeNumbers(value) {
  const entries = Object.entries(asObject(value)).filter(([, number]) => typeof number === "number");
  return /** @type {Record<string, number>} */ (Object.fromEntries(entries));
}

/** @param {unknown} value @returns {ModelCard | null} */
function decodeModelCard(value) {
  const json = asObject(value);
  const version = textOrNull(json.version);
  if (version === null) return null;
  const training = asObject(json.training);
  return {
    family: textOrNull(json.model_type) ?? "",
    alias: textOrNull(json.alias) ?? "",
    version,
    runId: textOrNull(json.run_id) ?? "",
    configuration: textOrNull(json.configuration_id),
    trainedFor: textOrNull(json.trained_for),
    trainedAt: textOrNull(json.trained_at),
    reproduced: typeof json.reproduced === "boolean" ? json.reproduced : null,
    metrics: decodeNumbers(json.metrics),
    fingerprint: textOrNull(training.fingerprint),
    examples: numberOrNull(training.examples),
    games: numberOrNull(training.games),
    humanGames: numberOrNull(training.human_games),
    lastGameAt: textOrNull(training.last_game_at),
  };
}

/** @param {unknown} value @returns {SlotForecast[]} */
function decodeSlots(value) {
  return Object.entries(asObject(value)).flatMap(([alias, found]) => {
    const json = asObject(found);
    const probabilities = decodeValues(json.probabilities);
    if (!probabilities) return [];
    return [{ alias, version: textOrNull(json.model_version), probabilities, correct: json.correct === true }];
  });
}

/** GET /games/{id}/rounds/{n}/explanation. @param {unknown} value @returns {Explanation} */
export function decodeExplanation(value) {
  const json = asObject(value);
  return {
    roundNo: requireNumber(json, "round"),
    userMove: requireMove(json, "user_move"),
    botMove: requireMove(json, "bot_move"),
    summary: textOrNull(json.summary) ?? "",
    source: textOrNull(json.probability_source) ?? "unknown",
    probabilities: decodeValues(json.probabilities),
    expected: decodeValues(json.expected_values),
    contract: textOrNull(json.feature_contract),
    features: decodeNumbers(json.features),
    slots: decodeSlots(json.alias_predictions),
    model: decodeModelCard(json.model),
    links: Object.fromEntries(Object.entries(asObject(json.links)).map(([name, link]) => [name, textOrNull(link)])),
  };
}

/** @param {string} family @param {string} version */
export function modelKey(family, version) {
  return `${family} ${version}`;
}
