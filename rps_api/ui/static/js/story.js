/** The story of a finished game in numbers: luck, skill, predictability, the turning point. Plain functions. */
/** @import {Chances, Game, Round} from "../../types/page.js" */
import { percent, signedPercent } from "./words.js";

/** Bits in a move of a player who cannot be predicted at all. */
export const BITS_A_MOVE = Math.log2(3);

/** @typedef {{luck: number, skill: number, bits: number | null, error: number, predicted: number, turn: Round | null}} Story */

/** @typedef {Round & {chances: Chances}} Counted */

/** The rounds whose chances are known: all or none. @param {Game} game @returns {Counted[] | null} */
export function countedRounds(game) {
  const counted = game.rounds.flatMap((round) => (round.chances ? [{ ...round, chances: round.chances }] : []));
  return counted.length === game.rounds.length && counted.length > 0 ? counted : null;
}

/**
 * Luck and skill add up to the result less one half; skill is what the moves were worth against what the bot drew from.
 *
 * @param {Game} game @returns {Story | null}
 */
export function storyOf(game) {
  const rounds = countedRounds(game);
  if (!rounds) return null;
  const story = { luck: 0, skill: 0 };
  /** @type {number[]} */
  const taken = [];
  let turn = rounds[0] ?? null;
  for (const round of rounds) {
    const { before, shown, chosen, after, bits } = round.chances;
    story.luck += shown - before + (after - chosen);
    story.skill += chosen - shown;
    if (bits !== null) taken.push(bits);
    if (turn && Math.abs(after - before) > Math.abs(turn.chances.after - turn.chances.before)) turn = round;
  }
  const bits = taken.length > 0 ? taken.reduce((sum, value) => sum + value, 0) : null;
  return { ...story, bits, error: errorOfMean(taken), predicted: taken.length, turn };
}

/** The standard error of the mean; infinite for fewer than two values. @param {readonly number[]} values */
function errorOfMean(values) {
  const of = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / of;
  const spread = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return of < 2 ? Number.POSITIVE_INFINITY : Math.sqrt(spread / (of - 1) / of);
}

/** Bits of each move that the model took; a model that guesses worse than chance takes none. @param {Story} story */
export function readBits({ bits, predicted }) {
  return bits === null ? 0 : Math.max(0, bits / predicted);
}

/** @param {Game} game @param {string} bot @returns {string} */
export function storyWords(game, bot) {
  const story = storyOf(game);
  if (!story) return "";
  const { turn, skill, luck } = story;
  const parts = [];
  if (turn?.chances)
    parts.push(
      `The turning point was round ${turn.roundNo}: your chance to win went from ${percent(turn.chances.before)} to ${percent(turn.chances.after)}.`,
    );
  parts.push(`Your choices were worth ${signedPercent(skill)}, luck ${signedPercent(luck)}.`);
  if (story.bits !== null) parts.push(readWords(readBits(story), story.error, bot));
  if (game.habit) parts.push(game.habit);
  return parts.join(" ");
}

/** @param {number} bits a move, over what perfect play gives away @param {number} error its standard error @param {string} bot */
export function readWords(bits, error, bot) {
  if (bits <= 0.02) return `${bot} could not read you: its forecasts were no better than a guess.`;
  const luck = bits < 2 * error ? "; with so few rounds, that may be luck" : "";
  return `${bot} took ${bits.toFixed(2)} of the ${BITS_A_MOVE.toFixed(2)} bits in each of your moves${luck}.`;
}
