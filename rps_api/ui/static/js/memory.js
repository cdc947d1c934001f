// @ts-check
/** What the browser remembers between visits: who plays, which game runs, which were played. Works without storage, for one visit. */
/** @import {Game, KeptGame} from "./types.js" */
import { pacificDay } from "./day.js";
import { decodeKeptGames } from "./decode.js";

const SESSION = "rps-lite-session";
const SESSION_DAY = "rps-lite-session-day";
const GAME = "rps-lite-game";
const GAMES = "rps-lite-games";
const PROGRESS = "rps-lite-progress";
const NAME = "rps-lite-name";
const POLICY = "rps-lite-opponent";
const SOUND = "rps-lite-sound";

const KEPT_GAMES = 60;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @typedef {ReturnType<typeof createMemory>} Memory */

/** A random UUID, also where the page came over plain HTTP and `crypto.randomUUID` does not exist. */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function createMemory() {
  /** @type {Map<string, string>} */
  const spare = new Map();

  /** @param {string} key @returns {string | null} */
  function read(key) {
    try {
      return localStorage.getItem(key) ?? spare.get(key) ?? null;
    } catch {
      return spare.get(key) ?? null; // private windows may forbid storage
    }
  }

  /** @param {string} key @param {string | null} value */
  function write(key, value) {
    if (value === null) spare.delete(key);
    else spare.set(key, value);
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // The spare copy lasts as long as the page.
    }
  }

  /** @returns {KeptGame[]} */
  function games() {
    try {
      return decodeKeptGames(JSON.parse(read(GAMES) ?? "[]"));
    } catch {
      return []; // somebody else's bytes
    }
  }

  return {
    /** The session of this day, a UUID; a running game keeps the one it was started in. @returns {string} */
    sessionId() {
      const known = read(SESSION);
      const today = pacificDay();
      if (known && UUID.test(known) && read(SESSION_DAY) === today) return known;
      const fresh = newUuid();
      write(SESSION, fresh);
      write(SESSION_DAY, today);
      return fresh;
    },
    gameId: () => read(GAME),
    /** @param {string | null} id */
    rememberGame: (id) => write(GAME, id),
    name: () => read(NAME) ?? "",
    /** @param {string} name */
    rememberName: (name) => write(NAME, name || null),
    policy: () => read(POLICY),
    /** @param {string} policy */
    rememberPolicy: (policy) => write(POLICY, policy),
    sound: () => read(SOUND) === "on",
    /** @param {boolean} on */
    rememberSound: (on) => write(SOUND, on ? "on" : null),

    games,
    /** Keep how a game stands, the newest first. @param {Game} game */
    keepGame(game) {
      const before = games();
      const known = before.find((kept) => kept.id === game.id);
      const { id, policy, winner, userScore, botScore, playerName } = game;
      /** @type {KeptGame} */
      const kept = {
        id,
        policy,
        playerName,
        winner,
        userScore,
        botScore,
        rounds: game.rounds.length,
        at: known?.at ?? Date.now(),
      };
      const others = before.filter((other) => other.id !== id);
      write(GAMES, JSON.stringify([kept, ...others].sort((a, b) => b.at - a.at).slice(0, KEPT_GAMES)));
    },
    /** @param {string} id */
    dropGame: (id) => write(GAMES, JSON.stringify(games().filter((kept) => kept.id !== id))),

    /** Tell other tabs that a game went on. @param {Game} game */
    tellOtherTabs: (game) => write(PROGRESS, `${game.id}:${game.rounds.length}`),
    /** Hear from other tabs. @param {(gameId: string) => void} onProgress */
    hearOtherTabs(onProgress) {
      addEventListener("storage", (event) => {
        if (event.key === PROGRESS && event.newValue) onProgress(event.newValue.split(":")[0] ?? "");
      });
    },

    /** Who played here is forgotten; colours and sound stay. */
    forget() {
      for (const key of [SESSION, SESSION_DAY, GAME, GAMES, NAME, POLICY]) write(key, null);
    },
  };
}
