/**
 * The state of a visit: which game is running, what the player can do now, what went wrong. Touches no element.
 *
 * One request runs at a time. A move carries the number of its round, so a move sent again after a lost reply is never
 * played twice: the server repeats its answer, or answers 409 if the game has moved on.
 */
/** @import {Game, Move, Problem, State} from "../../types/page.js" */
/** @import {Client} from "./api.js" */
/** @import {Memory} from "./memory.js" */
import { ApiError } from "./api.js";
import { afterRound, decodeGame, decodeRounds, valuesOf, withPredictions } from "./decode.js";

/** @param {unknown} error @returns {{title: string, text: string, offline: boolean}} */
export function problemWords(error) {
  if (error instanceof ApiError && error.status === 0) {
    const text = navigator.onLine
      ? "The server does not answer. Your game is saved; nothing is lost."
      : "You are offline. Your game is saved and continues when you are back online.";
    return { title: "No connection", text, offline: true };
  }
  if (error instanceof ApiError && error.status === 503) {
    return { title: "The server is busy", text: error.message, offline: false };
  }
  if (error instanceof ApiError) {
    const title = error.status >= 500 ? "Server error" : "That did not work";
    return { title, text: `${error.message} (${error.status})`, offline: false };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { title: "Unexpected reply from the server", text, offline: false };
}

const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;

/** @typedef {ReturnType<typeof createSession>} Session */

/** @param {{client: Client, memory: Memory, onChange: (state: State) => void}} options */
export function createSession({ client, memory, onChange }) {
  /** @type {State} */
  let state = { phase: "loading", game: null, busy: false, chosen: null, problem: null };

  /** @param {Partial<State>} patch */
  function update(patch) {
    state = { ...state, ...patch };
    onChange(state);
  }

  let pauseMs = FIRST_RETRY_MS;

  /**
   * Run `work` with the board locked. A failure becomes a problem whose button runs it again.
   *
   * @param {() => Promise<void>} work @param {Partial<State>} [meanwhile]
   */
  async function exclusively(work, meanwhile = {}) {
    if (state.busy) return;
    update({ busy: true, ...meanwhile });
    try {
      await work();
      pauseMs = FIRST_RETRY_MS;
      update({ busy: false, chosen: null, problem: null });
    } catch (error) {
      /** @type {Problem} */
      const problem = { ...problemWords(error), action: "Try again", retry: () => void exclusively(work, meanwhile) };
      update({ busy: false, problem });
      if (problem.offline) tryAgainLater(problem);
    }
  }

  /** Retry by itself until the connection is back. @param {Problem} problem */
  function tryAgainLater(problem) {
    setTimeout(() => {
      if (state.problem === problem) problem.retry();
    }, pauseMs);
    pauseMs = Math.min(LONGEST_RETRY_MS, 2 * pauseMs);
  }

  /** @param {Game} game @returns {Promise<void>} */
  async function show(game) {
    memory.rememberGame(game.id);
    memory.keepGame(game);
    update({ game, chosen: null, phase: game.finished ? "finished" : "playing" });
    if (game.finished || game.values) return;
    const reply = await client.roundPoints(game.id);
    update({ game: { ...game, roundNo: reply.round_no, values: valuesOf(reply.round_points) } });
  }

  /** The predictions are optional: a failure returns none. @param {string} id */
  async function recentOf(id) {
    try {
      return decodeRounds(await client.recent(id));
    } catch {
      return [];
    }
  }

  /** @param {string} id */
  async function load(id) {
    try {
      const [reply, recent] = await Promise.all([client.game(id), recentOf(id)]);
      await show(withPredictions(decodeGame(reply), recent));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      memory.rememberGame(null);
      memory.dropGame(id);
      update({ game: null, phase: "lobby" });
    }
  }

  /** @param {Game} game @param {Move} move */
  async function playOnce(game, move) {
    let reply;
    try {
      reply = await client.play({ game_id: game.id, user_move: move, round: game.roundNo });
    } catch (error) {
      // Another tab played this round, or the game is over or deleted: load what the server has.
      if (error instanceof ApiError && (error.status === 409 || error.status === 404)) return load(game.id);
      throw error;
    }
    const after = afterRound(game, reply);
    memory.notifyOtherTabs(after);
    return show(after);
  }

  return {
    /** Continue the game that this browser left, if there is one. */
    async resume() {
      const id = memory.gameId();
      if (id === null) update({ phase: "lobby" });
      else await exclusively(() => load(id));
    },

    /** @param {string} policy @param {string} name */
    async start(policy, name) {
      memory.rememberName(name);
      memory.rememberPolicy(policy);
      /** @type {any} */ // the page offers only policies of the server
      const order = { player_name: name || null, session_id: memory.sessionId(), policy };
      await exclusively(async () => show(decodeGame(await client.startGame(order))));
    },

    /** Continue a game of this browser. @param {string} id */
    async open(id) {
      await exclusively(() => load(id));
    },

    /** Load the game again after another tab played a round. @param {string} gameId */
    async catchUp(gameId) {
      if (state.game?.id === gameId && state.phase === "playing" && !state.problem)
        await exclusively(() => load(gameId));
    },

    /** @param {Move} move */
    async play(move) {
      const { game, phase, problem } = state;
      if (!game?.values || phase !== "playing" || problem) return;
      await exclusively(() => playOnce(game, move), { chosen: move });
    },

    /** Return to the choice of opponents. A running game stays on the server. */
    leave() {
      if (state.busy) return;
      memory.rememberGame(null);
      update({ game: null, phase: "lobby", problem: null, chosen: null });
    },

    retry() {
      state.problem?.retry();
    },

    state: () => state,
  };
}
