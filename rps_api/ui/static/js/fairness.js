/** Checks that the prices of a finished game were fixed before its first move. */
/** @import {Game, Move} from "../../types/page.js" */
import { MOVES } from "./rules.js";

const MIDDLE = [1.1, 1.2, 1.3, 1.4, 1.5];

/** @param {string} text @returns {Promise<Uint8Array>} */
async function sha256(text) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The prices that the rules draw from a key, as the server does. @param {string} key @param {number} roundNo */
async function pricesOf(key, roundNo) {
  const [low, base] = await Promise.all(["low", "base"].map((name) => sha256(`${key}:${roundNo}:${name}`)));
  const number = (/** @type {Uint8Array | undefined} */ hash) => 256 * (hash?.[0] ?? 0) + (hash?.[1] ?? 0);
  const lowest = number(low) % 3;
  const middle = MIDDLE[number(base) % MIDDLE.length] ?? 0;
  // The lowest move beats the best one, which is worth half a point more than the middle one.
  return MOVES.map((_, index) =>
    index === lowest ? 1 : index === (lowest + 2) % 3 ? Math.round(10 * (middle + 0.5)) / 10 : middle,
  );
}

/** @param {Game} game @returns {Promise<string>} */
export async function fairnessWords(game) {
  const { valueKey: key, keyHash } = game;
  if (!key || !keyHash) return "";
  // Browsers compute hashes only on pages over HTTPS and on this machine.
  if (!globalThis.crypto?.subtle) return `The prices follow from the key ${key}; its SHA-256 is ${keyHash}.`;
  const isKey = hex(await sha256(key)) === keyHash;
  const prices = await Promise.all(game.rounds.map((round) => pricesOf(key, round.roundNo)));
  const areSame = game.rounds.every((round, index) =>
    MOVES.every((/** @type {Move} */ move, place) => round.values?.[move] === prices[index]?.[place]),
  );
  return isKey && areSame
    ? `All prices were fixed before your first move: checked with the key ${key}.`
    : `The prices do not follow from the key ${key}. Please report this game.`;
}
