/** What the browser remembers between visits: the player, the running game, the games played. Without storage it lasts one visit. */
/** @import {Game, KeptGame} from "../../types/page.js" */
import { pacificDay } from "./day.js";
import { winnerOf } from "./decode.js";

const SESSION = "rps-lite-session";
const SESSION_DAY = "rps-lite-session-day";
const FOR_A_DAY = "rps-lite-session-for-a-day";
const GAME = "rps-lite-game";
const GAMES = "rps-lite-games";
const PROGRESS = "rps-lite-progress";
const NAME = "rps-lite-name";
const POLICY = "rps-lite-opponent";
const SOUND = "rps-lite-sound";

const KEPT_GAMES = 60;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @typedef {ReturnType<typeof createMemory>} Memory */

/** A random UUID. `crypto.randomUUID` does not exist on pages served over plain HTTP. */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Leave out anything in the storage that is not a game. @param {unknown} stored @returns {KeptGame[]} */
function validGames(stored) {
  return (Array.isArray(stored) ? stored : []).flatMap((game) => {
    if (typeof game?.id !== "string" || typeof game.at !== "number") return [];
    return [
      {
        id: game.id,
        at: game.at,
        policy: String(game.policy ?? ""),
        playerName: String(game.playerName ?? "You"),
        winner: winnerOf(game.winner),
        userScore: Number(game.userScore) || 0,
        botScore: Number(game.botScore) || 0,
        rounds: Number(game.rounds) || 0,
      },
    ];
  });
}

export function createMemory() {
  /** @type {Map<string, string>} */
  const spare = new Map();

  /** @param {string} key @returns {string | null} */
  function read(key) {
    try {
      return localStorage.getItem(key) ?? spare.get(key) ?? null;
    } catch {
      return spare.get(key) ?? null; // a private window may forbid storage
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
      // The copy in `spare` lasts as long as the page.
    }
  }

  /** @returns {KeptGame[]} */
  function games() {
    try {
      return validGames(JSON.parse(read(GAMES) ?? "[]"));
    } catch {
      return []; // not JSON
    }
  }

  return {
    /**
     * The UUID of this player's session, by which the bots remember the player. It lasts until it is forgotten, or for
     * a day if the player wants that. A running game keeps the session it started in.
     *
     * @returns {string}
     */
    sessionId() {
      const known = read(SESSION);
      const today = pacificDay();
      const isOver = read(FOR_A_DAY) === "on" && read(SESSION_DAY) !== today;
      if (known && UUID.test(known) && !isOver) return known;
      const fresh = newUuid();
      write(SESSION, fresh);
      write(SESSION_DAY, today);
      return fresh;
    },
    lastsADay: () => read(FOR_A_DAY) === "on",
    /** @param {boolean} on */
    lastADay(on) {
      write(FOR_A_DAY, on ? "on" : null);
      write(SESSION_DAY, pacificDay());
    },
    /** Begin a new session with the next game: the bots no longer know this player. */
    forgetSession: () => write(SESSION, null),
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
    /** Store the state of a game. @param {Game} game */
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

    /** Notify other tabs of a new round. @param {Game} game */
    notifyOtherTabs: (game) => write(PROGRESS, `${game.id}:${game.rounds.length}`),
    /** Call back when another tab has played a round. @param {(gameId: string) => void} onProgress */
    watchOtherTabs(onProgress) {
      addEventListener("storage", (event) => {
        if (event.key === PROGRESS && event.newValue) onProgress(event.newValue.split(":")[0] ?? "");
      });
    },

    /** Forget the player and the games; keep colours, sound and how long a session lasts. */
    forget() {
      for (const key of [SESSION, SESSION_DAY, GAME, GAMES, NAME, POLICY]) write(key, null);
    },
  };
}
