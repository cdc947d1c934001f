/** Calls the API. A call that fails throws an `ApiError` with the reason in words. */
/** @import {Call, Explanation, GameReply, Loop, ModelsReply, Order, PlayReply, Reply, SessionStats, StartReply} from "../../types/page.js" */

const TIMEOUT_MS = 15_000;

/** A call without a usable reply. `status` is 0 if no complete reply came. */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
  }
}

/** @param {{detail?: unknown} | null} body @param {number} status */
function detailOf(body, status) {
  const detail = body?.detail;
  return typeof detail === "string" && detail ? detail : `The server answered with status ${status}.`;
}

/** The body, or null if it is not JSON. @param {Response} response @returns {Promise<any>} */
async function readJson(response) {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

/** @typedef {ReturnType<typeof createClient>} Client */

/** @param {{base: string, onCall?: (call: Call) => void}} options */
export function createClient({ base, onCall = () => {} }) {
  /** @param {"GET" | "POST"} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async function call(method, path, body) {
    const began = performance.now();
    /** @param {number} status @param {unknown} reply */
    const record = (status, reply) =>
      onCall({ method, path, status, durationMs: performance.now() - began, request: body ?? null, reply });
    const limit = new AbortController();
    const request = new Request(base + path, {
      method,
      headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : null,
      signal: limit.signal,
    });
    const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
    let response, reply;
    try {
      response = await fetch(request);
      reply = await readJson(response);
    } catch (error) {
      // Only the network fails here; the request was built before, so a mistake of ours is not a lost connection.
      record(0, String(error));
      throw new ApiError(0, "No reply came.");
    } finally {
      clearTimeout(timer);
    }
    record(response.status, reply);
    if (!response.ok) throw new ApiError(response.status, detailOf(reply, response.status));
    if (reply === null) throw new ApiError(0, "The reply broke off.");
    return reply;
  }

  return {
    /** @param {Order<"/start_game">} order @returns {Promise<StartReply>} */
    startGame: (order) => call("POST", "/start_game", order),
    /** @param {Order<"/play">} order @returns {Promise<PlayReply>} */
    play: (order) => call("POST", "/play", order),
    /** @param {string} id @returns {Promise<GameReply>} */
    game: (id) => call("GET", `/games/${encodeURIComponent(id)}`),
    /** The rounds with their predictions, oldest first. @param {string} id @returns {Promise<Reply<"/recent">>} */
    recent: (id) => call("GET", `/recent?game_id=${encodeURIComponent(id)}&limit=20`),
    /** @param {string} id @returns {Promise<Reply<"/round_points">>} */
    roundPoints: (id) => call("GET", `/round_points?game_id=${encodeURIComponent(id)}`),
    /** @returns {Promise<ModelsReply>} */
    models: () => call("GET", "/models"),
    /** @returns {Promise<Reply<"/bot_win_rates">>} */
    botWinRates: () => call("GET", "/bot_win_rates"),
    /** @param {string} policy @returns {Promise<Reply<"/win_streaks">>} */
    winStreaks: (policy) => call("GET", `/win_streaks?opponent=${encodeURIComponent(policy)}&limit=10`),
    /** @returns {Promise<Reply<"/leaderboard">>} */
    leaderboard: () => call("GET", "/leaderboard?limit=10"),
    /** @param {string} sessionId @returns {Promise<SessionStats>} */
    sessionStats: (sessionId) => call("GET", `/stats?session_id=${encodeURIComponent(sessionId)}`),
    /** Why the bot chose its move in a finished round. @param {string} id @param {number} roundNo @returns {Promise<Explanation>} */
    explanation: (id, roundNo) => call("GET", `/games/${encodeURIComponent(id)}/rounds/${roundNo}/explanation`),
    /** @returns {Promise<Loop>} */
    observatory: () => call("GET", "/observatory/state"),
  };
}
