/** The player's chance to win over a game, as points of a drawing. */
/** @import {Game} from "../../types/page.js" */
import { countedRounds, storyOf } from "./story.js";

/** @typedef {readonly [number, number]} Point */

/** @param {Game} game @param {{left: number, top: number, width: number, height: number}} box @returns {{line: Point[], turn: Point | null}} */
export function curveOf(game, { left, top, width, height }) {
  const rounds = countedRounds(game) ?? [];
  const across = width / Math.max(1, rounds.length);
  const chances = [0.5, ...rounds.map((round) => round.chances.after)];
  const line = chances.map((chance, index) => /** @type {Point} */ ([left + index * across, top + (1 - chance) * height]));
  const turn = storyOf(game)?.turn;
  return { line, turn: turn ? (line[turn.roundNo] ?? null) : null };
}
