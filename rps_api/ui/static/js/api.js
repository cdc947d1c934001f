// @ts-check
/** Calls to the API, with errors that say what happened. */
/** @import {Call} from "./types.js" */
import { asObject } from "./decode.js";

const TIMEOUT_MS = 15_000;

/** A call that brought no usable reply; `status` is 0 where none came at all. */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
  }
}

/** @param {unknown} body @param {number} status */
function detailOf(body, status) {
  const detail = asObject(body).detail;
  return typeof detail === "string" && detail ? detail : `The server answered with status ${status}.`;
}

/** @param {Response} response @returns {Promise<unknown>} */
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
  /** @param {"GET" | "POST"} method @param {string} path @param {object} [body] @returns {Promise<unknown>} */
  async function call(method, path, body) {
    const began = performance.now();
    /** @param {number} status @param {unknown} reply */
    const record = (status, reply) =>
      onCall({ method, path, status, durationMs: performance.now() - began, request: body ?? null, reply });
    let response;
    try {
      response = await fetch(base + path, {
        method,
        headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
        body: body ? JSON.stringify(body) : null,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      record(0, String(error));
      throw new ApiError(0, "No reply came.");
    }
    const reply = await readJson(response);
    record(response.status, reply);
    if (!response.ok) throw new ApiError(response.status, detailOf(reply, response.status));
    if (reply === null) throw new ApiError(0, "The reply broke off.");
    return reply;
  }

  return {
    /** @param {{player_name: string | null, session_id: string, policy: string}} order */
    startGame: (order) => call("POST", "/start_game", order),
    /** @param {{game_id: string, user_move: string, round: number}} order */
    play: (order) => call("POST", "/play", order),
    /** @param {string} id */
    game: (id) => call("GET", `/games/${encodeURIComponent(id)}`),
    /** The rounds with their forecasts, oldest first. @param {string} id */
    recent: (id) => call("GET", `/recent?game_id=${encodeURIComponent(id)}&limit=20`),
    /** @param {string} id */
    roundPoints: (id) => call("GET", `/round_points?game_id=${encodeURIComponent(id)}`),
    models: () => call("GET", "/models"),
    botWinRates: () => call("GET", "/bot_win_rates"),
    /** @param {string} policy */
    winStreaks: (policy) => call("GET", `/win_streaks?opponent=${encodeURIComponent(policy)}&limit=10`),
    leaderboard: () => call("GET", "/leaderboard?limit=10"),
    /** @param {string} sessionId */
    sessionStats: (sessionId) => call("GET", `/stats?session_id=${encodeURIComponent(sessionId)}`),
    /** Why the bot played what it played, in a round that is over. @param {string} id @param {number} roundNo */
    explanation: (id, roundNo) => call("GET", `/games/${encodeURIComponent(id)}/rounds/${roundNo}/explanation`),
    observatory: () => call("GET", "/observatory/state"),
  };
}
